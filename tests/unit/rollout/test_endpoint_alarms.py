from trimtab.rollout.endpoint_alarms import raised_alarms
from trimtab.rollout.observed import RaisedAlarm


def metric(endpoint="churn", name="Invocation5XXErrors", namespace="AWS/SageMaker", **more):
    dimensions = {"EndpointName": endpoint, **more}
    told = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {"Namespace": namespace, "MetricName": name, "Dimensions": told}


def single(alarm, **of):
    return {"AlarmName": alarm, **metric(**of), "Statistic": "Sum", "Period": 60}


def math(name, *metrics):
    queries = [
        {"Id": f"m{i}", "MetricStat": {"Metric": each, "Stat": "Sum", "Period": 60}} for i, each in enumerate(metrics)
    ]
    return {"AlarmName": name, "Metrics": [*queries, {"Id": "e", "Expression": "m0 / m1", "ReturnData": True}]}


def test_alarms_about_harm_on_this_endpoint_are_told_with_their_variant():
    described = [
        single("canary", VariantName="Canary"),
        single("latency", name="ModelLatency", VariantName="AllTraffic"),
        single("other", endpoint="other", VariantName="Canary"),
        single("load", name="Invocations", VariantName="Canary"),
        math("both", metric(VariantName="Canary"), metric(VariantName="AllTraffic")),
        math("rate", metric(VariantName="Canary"), metric(name="Invocations", VariantName="Canary")),
        {"AlarmName": "composite", "AlarmRule": "ALARM(canary)"},
    ]
    assert raised_alarms(described, "churn") == (
        RaisedAlarm("canary", "Canary"),
        RaisedAlarm("latency", "AllTraffic"),
        RaisedAlarm("both", ""),
        RaisedAlarm("rate", "Canary"),
    )
