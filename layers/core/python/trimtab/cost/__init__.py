"""What endpoints cost: prices, cost per hour and per 1,000 predictions, forecasts, anomalies and who they belong to."""
