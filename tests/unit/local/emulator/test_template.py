"""A template is resolved: parameters, conditions, intrinsics, and the values that AWS would give."""

from pathlib import Path
from textwrap import dedent

import pytest

from local.emulator.template import Template, TemplateError, load

SAM = "Transform: AWS::Serverless-2016-10-31\n"
QUEUE = "Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}"


@pytest.fixture
def template(tmp_path: Path):
    def written(text: str, parameters: dict[str, str] | None = None, **options: object) -> Template:
        path = tmp_path / "template.yaml"
        path.write_text(SAM + dedent(text))
        return load(path, parameters or {}, **options)

    return written


def resolved(template, value: str, **options: object) -> object:
    """Resolve one property, in a template with a queue, a list parameter and two conditions."""
    return (
        template(
            f"""
        Parameters:
          Stage: {{Type: String, Default: stg}}
          Subnets: {{Type: List<String>, Default: "a,b"}}
        Conditions:
          Staging: !Equals [!Ref Stage, stg]
          Other: !Not [{{Condition: Staging}}]
          Either: !Or [{{Condition: Other}}, {{Condition: Staging}}]
          Both: !And [{{Condition: Other}}, {{Condition: Staging}}]
        Resources:
          {QUEUE}
          Database: {{Type: AWS::RDS::DBInstance, Properties: {{DBInstanceIdentifier: db}}}}
          Absent: {{Type: AWS::SQS::Queue, Condition: Other}}
          It: {{Type: AWS::SSM::Parameter, Properties: {{Value: {value}}}}}
        """,
            **options,
        )
        .resources["It"]
        .properties.get("Value")
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("!Ref Stage", "stg"),
        ("!Ref Subnets", ["a", "b"]),
        ("!Ref AWS::Region", "eu-west-2"),
        ("!Ref Queue", "https://sqs.eu-west-2.amazonaws.com/123456789012/jobs"),
        ("!GetAtt Queue.Arn", "arn:aws:sqs:eu-west-2:123456789012:jobs"),
        ("!GetAtt Database.Endpoint.Address", "db.local"),
        ('!Sub "${Queue.QueueName}-${Stage} ${AWS::AccountId} ${!kept}"', "jobs-stg 123456789012 ${kept}"),
        ('!Sub ["${own}/${Stage}", {own: !GetAtt Queue.QueueName}]', "jobs/stg"),
        ('!Join ["-", [!Ref Stage, 1]]', "stg-1"),
        ("!Select [1, !Ref Subnets]", "b"),
        ('!Split [",", "x,y"]', ["x", "y"]),
        ("!If [Staging, 1, 2]", 1),
        ("!If [Both, 1, !If [Either, 2, 3]]", 2),
        ("!If [Other, 1, !Ref AWS::NoValue]", None),
        ("[1, !If [Other, 2, !Ref AWS::NoValue], 3]", [1, 3]),
        ("{Condition: {Bool: {x: y}}}", {"Condition": {"Bool": {"x": "y"}}}),
        ("{}", {}),
    ],
)
def test_resolves_an_intrinsic(template, value: str, expected: object) -> None:
    assert resolved(template, value) == expected


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("!Ref Nothing", "Nothing"),
        ("!Ref Absent", "Absent"),
        ("!GetAtt Queue.Colour", "Colour"),
        ('!Sub "${Nothing}"', "Nothing"),
        ("!Select [9, !Ref Subnets]", "Fn::Select"),
        ("{a: [!ImportValue elsewhere]}", r"Resources\.It\.Value\.a\[0\]\.Fn::ImportValue"),
        ("!If [Nothing, 1, 2]", "Nothing"),
    ],
)
def test_says_where_it_could_not(template, value: str, named: str) -> None:
    with pytest.raises(TemplateError, match=named) as raised:
        resolved(template, value)
    assert str(raised.value).startswith("Resources.It.Value")


def test_the_local_run_can_say_what_aws_would_give(template) -> None:
    address = {"Database.Endpoint.Address": "127.0.0.1", "Queue.Arn": "arn:of:another"}
    assert resolved(template, "!GetAtt Database.Endpoint.Address", attributes=address) == "127.0.0.1"
    assert resolved(template, "!GetAtt Queue.Arn", attributes=address) == "arn:of:another"
    assert resolved(template, "!Ref Database", attributes={"Database": "db-2"}) == "db-2"
    assert resolved(template, "!Ref Queue", queue_url=lambda name: f"http://localhost/{name}") == "http://localhost/jobs"
    assert resolved(template, "!GetAtt Queue.Arn", account="1", region="eu-west-1") == "arn:aws:sqs:eu-west-1:1:jobs"


def test_an_absent_resource_and_its_output_are_left_out(template) -> None:
    loaded = template(f"""
        Conditions:
          Other: !Equals [a, b]
        Resources:
          {QUEUE}
          Gone: {{Type: AWS::SQS::Queue, Condition: Other}}
        Outputs:
          Url: {{Value: !Ref Queue}}
          GoneUrl: {{Condition: Other, Value: !Ref Gone}}
        """)
    assert [r.logical_id for r in loaded.of_type("AWS::SQS::Queue")] == ["Queue"]
    assert loaded.outputs == {"Url": loaded.resources["Queue"].ref}


def test_a_serverless_function_becomes_lambda_and_its_event_source(template) -> None:
    loaded = template(f"""
        Globals: {{Function: {{Runtime: python3.13, CodeUri: services/}}}}
        Resources:
          {QUEUE}
          Function:
            Type: AWS::Serverless::Function
            Properties:
              FunctionName: worker
              Handler: a.b
              Role: arn:aws:iam::123456789012:role/r
              Events: {{Queue: {{Type: SQS, Properties: {{Queue: !GetAtt Queue.Arn, BatchSize: 1}}}}}}
        """)
    [function] = loaded.of_type("AWS::Lambda::Function")
    assert (function.ref, function.arn) == ("worker", "arn:aws:lambda:eu-west-2:123456789012:function:worker")
    [mapping] = loaded.of_type("AWS::Lambda::EventSourceMapping")
    assert mapping.properties["EventSourceArn"] == loaded.resources["Queue"].arn
    assert mapping.properties["FunctionName"] == "worker"


NESTED = """
Parameters:
  Name: {Type: String}
  Count: {Type: Number}
Conditions:
  Several: !Not [!Equals [!Ref Count, 1]]
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${Name}-queue"}}
  Second: {Type: AWS::SQS::Queue, Condition: Several, Properties: {QueueName: !Sub "${Name}-second"}}
Outputs:
  Arn: {Value: !GetAtt Queue.Arn}
"""


def application(**parameters: object) -> str:
    given = ", ".join(f"{name}: {value}" for name, value in parameters.items())
    return f"{{Type: AWS::Serverless::Application, Properties: {{Location: in/nested.yaml, Parameters: {{{given}}}}}}}"


@pytest.fixture
def nesting(template, tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "nested.yaml").write_text(SAM + NESTED)
    return template


def test_parameters_go_into_an_application_and_outputs_come_out(nesting) -> None:
    loaded = nesting(
        f"""
        Resources:
          Topic: {{Type: AWS::SNS::Topic, Properties: {{TopicName: topic}}}}
          Jobs: {application(Name="!GetAtt Topic.TopicName", Count=2)}
          It:
            Type: AWS::SSM::Parameter
            Properties: {{Value: !GetAtt Jobs.Outputs.Arn, Within: !Sub "${{Jobs.Outputs.Arn}}/x"}}
        """,
        queue_url=lambda name: f"http://localhost/{name}",
    )
    queue = "arn:aws:sqs:eu-west-2:123456789012:topic-queue"
    assert loaded.resources["It"].properties == {"Value": queue, "Within": f"{queue}/x"}
    assert {q.logical_id: q.ref for q in loaded.of_type("AWS::SQS::Queue")} == {
        "Queue": "http://localhost/topic-queue",
        "Second": "http://localhost/topic-second",
    }
    assert loaded.resources["Queue"].arn == queue
    assert [it.path.name for it in loaded.all()] == ["template.yaml", "nested.yaml"]
    assert loaded.nested["Jobs"].parameters == {"Name": "topic", "Count": "2"}


def test_ids_of_applications_made_of_one_template_begin_with_the_applications(nesting) -> None:
    loaded = nesting(f"Resources: {{A: {application(Name='a', Count=1)}, B: {application(Name='b', Count=1)}}}")
    assert {q.logical_id: q.ref.rsplit("/")[-1] for q in loaded.of_type("AWS::SQS::Queue")} == {
        "AQueue": "a-queue",
        "BQueue": "b-queue",
    }
    assert loaded.resources["AQueue"].logical_id == "AQueue"


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        (f"A: {application(Name='a')}", "Resources.A: parameters without a value: Count"),
        (f"A: {application(Name='a', Count=1, Nmae=2)}", "Resources.A: no such parameter: Nmae"),
        (f"A: {application(Name='a', Count=1)}, {QUEUE}", "Resources.A: there is a 'Queue' outside of it"),
        (
            f"A: {application(Name='a', Count=1)}, B: {{Type: AWS::SSM::Parameter, Properties: {{V: !GetAtt A.Outputs.X}}}}",
            "Resources.B.V.Fn::GetAtt: A has no output 'X'",
        ),
    ],
)
def test_says_what_is_wrong_with_an_application(nesting, resources: str, problem: str) -> None:
    with pytest.raises(TemplateError, match=problem):
        nesting(f"Resources: {{{resources}}}")


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({}, "without a value: Name"),
        ({"Name": "a", "Nmae": "b"}, "no such parameter: Nmae"),
        ({"Name": "UPPER"}, "'UPPER' is not allowed"),
        ({"Name": "a", "Size": "3"}, "'3' is not allowed"),
    ],
)
def test_refuses_parameters_that_cloudformation_would_refuse(template, parameters: dict[str, str], problem: str) -> None:
    with pytest.raises(TemplateError, match=problem):
        template(
            f"""
            Parameters:
              Name: {{Type: String, AllowedPattern: "^[a-z]+$"}}
              Size: {{Type: Number, Default: 1, AllowedValues: [1, 2]}}
            Resources:
              {QUEUE}
            """,
            parameters,
        )


def test_gives_the_same_answer_each_time_and_prints_nothing(template, capfd: pytest.CaptureFixture[str]) -> None:
    text = "Resources: {Key: {Type: AWS::KMS::Key}, Group: {Type: AWS::EC2::SecurityGroup}}"
    assert template(text) == template(text)
    assert capfd.readouterr() == ("", "")
