"""From an endpoint's minutes in CloudWatch to the instances it needs: demand, capacity, simulation, recommendation."""
