"""The SageMaker side of the local cloud: moto's state, with what moto lacks filled in by one module per subject.

- `endpoints` and `registry` answer what moto answers otherwise than AWS, and `scaling` for Application Auto Scaling.
- `updates` and `weights` begin changes of endpoints, `deployments` knows the stages of blue/green ones, `changes` lets
  time and alarms carry them on, `fleets` are what serves meanwhile, `events` tells EventBridge.
- `invocations` lets endpoints answer through the callables of `containers`, behaving as `behaviour` says; `captures`
  writes down what was asked and answered; `metrics` counts it in CloudWatch; `traffic` counts without serving.
- `training` creates training jobs: `training_jobs` knows their states, `training_runs` lets their trainers work,
  `training_description` shows them. `pipelines` starts executions of `pipeline_definitions`, which `executions` carries
  on from one `execution_state` to the next. `packages` and `model_cards` are the registry beside `registry`.
  `job_events` tells EventBridge of all of these, `object_store` is S3, `listing` the pages of lists.
- `authorization` holds callers to their IAM policies, `clock` tells the time, `control_faults` are what goes wrong on
  demand, `controls` are the requests that are not AWS's, `server` puts all together.
"""
