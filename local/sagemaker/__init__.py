"""The SageMaker side of the local cloud: moto's state, with what moto lacks filled in by one module per subject.

`endpoints` answers what moto answers otherwise than AWS, `invocations` lets endpoints answer through the callables of
`containers`, `captures` writes down what was asked and answered, `metrics` counts it in CloudWatch, `authorization`
holds callers to their IAM policies, `server` puts them together. Deployments (UpdateEndpoint, canaries), training and
pipelines, and scaling are to join as modules of their own with more `OPERATIONS`.
"""
