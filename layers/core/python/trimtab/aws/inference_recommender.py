"""Results of Amazon SageMaker Inference Recommender."""

from typing import Any

from trimtab.aws.clients import sagemaker

_JOBS = 5


def finished_jobs(model: str) -> list[dict[str, Any]]:
    """The last finished jobs about a model, as DescribeInferenceRecommendationsJob shows them, the latest first."""
    client = sagemaker()
    answer = client.list_inference_recommendations_jobs(
        ModelNameEquals=model,
        StatusEquals="COMPLETED",
        SortBy="CreationTime",
        SortOrder="Descending",
        MaxResults=_JOBS,
    )
    return [
        dict(client.describe_inference_recommendations_job(JobName=job["JobName"]))
        for job in answer["InferenceRecommendationsJobs"]
    ]
