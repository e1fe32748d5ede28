"""Trimtab: drift, rollout, sizing and cost decisions for ML endpoints, from what AWS already records."""
