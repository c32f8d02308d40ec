#!/usr/bin/env python3
"""Asks a running daemon for secrets and parameters through boto3, and holds every answer against botocore's own model.

A member that the model does not know is dropped by the SDK without a word, so the bodies are looked at as they come. Run it by hand:

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install boto3
    AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x \
        /tmp/venv/bin/python tests/clients/secrets.py
"""

import json
import os

import boto3
import botocore
from botocore import xform_name

MARK = f"clients-{os.getpid()}"


class Client:
    """A client of boto3's whose answers are checked."""

    def __init__(self, service):
        self.client = boto3.client(service)
        self.body = None
        self.client.meta.events.register("before-parse.*", self.keep)

    def keep(self, response_dict, **_):
        self.body = json.loads(response_dict["body"])

    def call(self, operation, **members):
        answer = getattr(self.client, xform_name(operation))(**members)
        check(self.client.meta.service_model.operation_model(operation).output_shape, self.body, operation)
        return answer

    def refused(self, operation, code, **members):
        try:
            getattr(self.client, xform_name(operation))(**members)
        except getattr(self.client.exceptions, code):
            return
        raise AssertionError(f"{operation} was expected to fail with {code}")


def check(shape, value, place):
    """Every member that came is one of the model's."""
    if shape is None:
        assert value == {}, (place, value)
    elif shape.type_name == "structure":
        for name, member in value.items():
            assert name in shape.members, f"{place} has no member {name}"
            check(shape.members[name], member, f"{place}.{name}")
    elif shape.type_name == "list":
        for item in value:
            check(shape.member, item, f"{place}[]")
    elif shape.type_name == "map":
        for item in value.values():
            check(shape.value, item, f"{place}{{}}")


def secrets():
    manager, name = Client("secretsmanager"), f"{MARK}/one"
    manager.call("CreateSecret", Name=name, SecretBinary=b"\x00\xff", Description="of a test", Tags=[{"Key": "a", "Value": "b"}])
    first = manager.call("GetSecretValue", SecretId=name)
    assert first["SecretBinary"] == b"\x00\xff"
    blue = manager.call("PutSecretValue", SecretId=name, SecretString="blue", VersionStages=["BLUE"])
    stage = {"VersionStage": "AWSCURRENT", "RemoveFromVersionId": first["VersionId"], "MoveToVersionId": blue["VersionId"]}
    manager.call("UpdateSecretVersionStage", SecretId=name, **stage)
    assert manager.call("GetSecretValue", SecretId=name)["SecretString"] == "blue"
    manager.call("UpdateSecret", SecretId=name, SecretString="green")
    assert len(manager.call("ListSecretVersionIds", SecretId=name, IncludeDeprecated=True)["Versions"]) == 3
    manager.call("DescribeSecret", SecretId=name)
    manager.call("TagResource", SecretId=name, Tags=[{"Key": "c", "Value": "d"}])
    manager.call("UntagResource", SecretId=name, TagKeys=["c"])
    manager.refused("CreateSecret", "ResourceExistsException", Name=name, SecretString="x")
    manager.call("DeleteSecret", SecretId=name, RecoveryWindowInDays=7)
    manager.refused("GetSecretValue", "InvalidRequestException", SecretId=name)
    manager.call("RestoreSecret", SecretId=name)
    manager.call("DeleteSecret", SecretId=name, ForceDeleteWithoutRecovery=True)
    manager.refused("GetSecretValue", "ResourceNotFoundException", SecretId=name)
    manager.call("GetRandomPassword", PasswordLength=20)
    names = [f"{MARK}/{number:02}" for number in range(25)]
    for name in names:
        manager.call("CreateSecret", Name=name, SecretString="x")
    pages = manager.client.get_paginator("list_secrets").paginate(Filters=[{"Key": "name", "Values": [MARK]}], PaginationConfig={"PageSize": 10})
    assert [secret["Name"] for page in pages for secret in page["SecretList"]] == names
    manager.call("ListSecrets", MaxResults=2)
    for name in names:
        manager.call("DeleteSecret", SecretId=name, ForceDeleteWithoutRecovery=True)


def parameters():
    store, name = Client("ssm"), f"/{MARK}/url"
    store.call("PutParameter", Name=name, Value="http://one", Type="String", Tags=[{"Key": "a", "Value": "b"}])
    store.refused("PutParameter", "ParameterAlreadyExists", Name=name, Value="x", Type="String")
    store.call("PutParameter", Name=name, Value="http://two", Overwrite=True)
    store.call("LabelParameterVersion", Name=name, ParameterVersion=1, Labels=["old"])
    assert store.call("GetParameter", Name=f"{name}:old")["Parameter"]["Value"] == "http://one"
    assert store.call("GetParameters", Names=[name, f"/{MARK}/none"])["InvalidParameters"] == [f"/{MARK}/none"]
    store.call("GetParameterHistory", Name=name)
    store.call("DescribeParameters", ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": [f"/{MARK}"]}])
    resource = {"ResourceType": "Parameter", "ResourceId": name}
    store.call("AddTagsToResource", Tags=[{"Key": "c", "Value": "d"}], **resource)
    store.call("RemoveTagsFromResource", TagKeys=["c"], **resource)
    assert store.call("ListTagsForResource", **resource)["TagList"] == [{"Key": "a", "Value": "b"}]
    store.call("DeleteParameter", Name=name)
    store.refused("GetParameter", "ParameterNotFound", Name=name)
    names = [f"/{MARK}/many/{number:02}" for number in range(23)]
    for name in names:
        store.call("PutParameter", Name=name, Value="x", Type="SecureString")
    pages = store.client.get_paginator("get_parameters_by_path").paginate(Path=f"/{MARK}/many", WithDecryption=True)
    assert [parameter["Name"] for page in pages for parameter in page["Parameters"]] == names
    store.call("GetParametersByPath", Path=f"/{MARK}/many")
    for begin in range(0, len(names), 10):
        assert store.call("DeleteParameters", Names=names[begin : begin + 10])["InvalidParameters"] == []


if __name__ == "__main__":
    secrets()
    parameters()
    print(f"every answer fits the model of botocore {botocore.__version__}")
