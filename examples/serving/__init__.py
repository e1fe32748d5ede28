"""A serving container that works on SageMaker and anywhere else."""
