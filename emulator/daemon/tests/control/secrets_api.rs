//! Secrets Manager and the Parameter Store over the wire, in AWS's shapes and with its codes.

use serde_json::{Value, json};

use crate::lab::{Answer, Lab};

impl Lab {
    async fn aws(&self, target: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let head = format!("POST / HTTP/1.0\r\nhost: {}\r\nx-amz-target: {target}\r\n", self.address);
        let signed = "content-type: application/x-amz-json-1.1\r\nauthorization: AWS4-HMAC-SHA256 Credential=x\r\n";
        self.exchange(&format!("{head}{signed}content-length: {}\r\n\r\n{body}", body.len())).await
    }

    /// An operation of Secrets Manager's that must be answered.
    async fn secrets(&self, operation: &str, body: Value) -> Value {
        self.aws(&format!("secretsmanager.{operation}"), &body).await.value()
    }

    /// An operation of SSM's that must be answered.
    async fn ssm(&self, operation: &str, body: Value) -> Value {
        self.aws(&format!("AmazonSSM.{operation}"), &body).await.value()
    }

    /// Status, code and message of an error.
    async fn error(&self, target: &str, body: Value) -> (u16, String, String) {
        let answer = self.aws(target, &body).await;
        let error: Value = serde_json::from_str(&answer.text).unwrap();
        let text = |member: &str| error[member].as_str().unwrap().to_owned();
        (answer.status, text("__type"), text("message"))
    }
}

#[tokio::test]
async fn a_secret_lives_through_the_api() {
    let lab = Lab::new().await;
    let made = lab.secrets("CreateSecret", json!({ "Name": "prod/db", "SecretString": "one", "Tags": [{ "Key": "team", "Value": "a" }] })).await;
    assert!(made["ARN"].as_str().unwrap().starts_with("arn:aws:secretsmanager:us-east-1:000000000000:secret:prod/db-"), "{made}");
    let value = lab.secrets("GetSecretValue", json!({ "SecretId": "prod/db" })).await;
    assert_eq!((&value["SecretString"], &value["VersionId"], &value["VersionStages"]), (&json!("one"), &made["VersionId"], &json!(["AWSCURRENT"])));
    assert!(value["CreatedDate"].is_f64() && value["SecretBinary"].is_null(), "{value}");
    let put = lab.secrets("PutSecretValue", json!({ "SecretId": made["ARN"], "SecretString": "two" })).await;
    assert_eq!(put["VersionStages"], json!(["AWSCURRENT"]));
    let previous = lab.secrets("GetSecretValue", json!({ "SecretId": "prod/db", "VersionStage": "AWSPREVIOUS" })).await;
    assert_eq!(previous["SecretString"], "one");
    lab.secrets("UpdateSecret", json!({ "SecretId": "prod/db", "Description": "of the database" })).await;
    let described = lab.secrets("DescribeSecret", json!({ "SecretId": "prod/db" })).await;
    assert_eq!((&described["Description"], &described["Tags"]), (&json!("of the database"), &json!([{ "Key": "team", "Value": "a" }])));
    assert_eq!(described["VersionIdsToStages"].as_object().unwrap().len(), 2);
    assert!(described["LastAccessedDate"].is_number());
    lab.secrets("CreateSecret", json!({ "Name": "other", "SecretBinary": "AAE=" })).await;
    let first = lab.secrets("ListSecrets", json!({ "MaxResults": 1 })).await;
    let second = lab.secrets("ListSecrets", json!({ "MaxResults": 1, "NextToken": first["NextToken"] })).await;
    assert_eq!(
        (&first["SecretList"][0]["Name"], &second["SecretList"][0]["Name"], &second["NextToken"]),
        (&json!("other"), &json!("prod/db"), &Value::Null)
    );
    let found = lab.secrets("ListSecrets", json!({ "Filters": [{ "Key": "name", "Values": ["prod/"] }] })).await;
    assert_eq!(found["SecretList"].as_array().unwrap().len(), 1);
    let gone = lab.secrets("DeleteSecret", json!({ "SecretId": "prod/db", "RecoveryWindowInDays": 7 })).await;
    assert!(gone["DeletionDate"].is_f64());
    let (status, code, message) = lab.error("secretsmanager.GetSecretValue", json!({ "SecretId": "prod/db" })).await;
    assert_eq!((status, code.as_str()), (400, "InvalidRequestException"));
    assert_eq!(message, "You can't perform this operation on the secret because it was marked for deletion.");
    lab.secrets("RestoreSecret", json!({ "SecretId": "prod/db" })).await;
    lab.secrets("DeleteSecret", json!({ "SecretId": "prod/db", "ForceDeleteWithoutRecovery": true })).await;
    let (_, code, message) = lab.error("secretsmanager.GetSecretValue", json!({ "SecretId": "prod/db" })).await;
    assert_eq!((code.as_str(), message.as_str()), ("ResourceNotFoundException", "Secrets Manager can't find the specified secret."));
    for (target, body, code) in [
        ("CreateSecret", json!({ "Name": "other", "SecretString": "x" }), "ResourceExistsException"),
        ("CreateSecret", json!({ "Name": "a b", "SecretString": "x" }), "InvalidParameterException"),
        ("PutSecretValue", json!({ "SecretId": "other" }), "InvalidRequestException"),
        ("ListSecrets", json!({ "NextToken": "!" }), "InvalidNextTokenException"),
        ("GetSecretValue", json!([]), "SerializationException"),
    ] {
        assert_eq!(lab.error(&format!("secretsmanager.{target}"), body).await.1, code, "{target}");
    }
    assert_eq!(lab.error("secretsmanager.RotateSecret", json!({})).await.0, 501);
    assert_eq!(lab.secrets("GetRandomPassword", json!({ "PasswordLength": 12 })).await["RandomPassword"].as_str().unwrap().len(), 12);
}

#[tokio::test]
async fn parameters_live_through_the_api() {
    let lab = Lab::new().await;
    let put = |name: &str, value: &str, kind: &str| json!({ "Name": name, "Value": value, "Type": kind });
    assert_eq!(lab.ssm("PutParameter", put("/app/url", "http://db", "String")).await, json!({ "Version": 1, "Tier": "Standard" }));
    lab.ssm("PutParameter", put("/app/db/password", "hunter2", "SecureString")).await;
    let got = lab.ssm("GetParameter", json!({ "Name": "/app/url" })).await["Parameter"].clone();
    let arn = "arn:aws:ssm:us-east-1:000000000000:parameter/app/url";
    assert_eq!(
        (&got["Value"], &got["Type"], &got["Version"], &got["ARN"], &got["DataType"]),
        (&json!("http://db"), &json!("String"), &json!(1), &json!(arn), &json!("text"))
    );
    let sealed = lab.aws("AmazonSSM.GetParameter", &json!({ "Name": "/app/db/password" })).await;
    assert!(sealed.status == 200 && !sealed.text.contains("hunter2"), "{}", sealed.text);
    let open = lab.ssm("GetParameter", json!({ "Name": "/app/db/password", "WithDecryption": true })).await;
    assert_eq!(open["Parameter"]["Value"], "hunter2");
    let several = lab.ssm("GetParameters", json!({ "Names": ["/app/url", "/none"] })).await;
    assert_eq!((several["Parameters"].as_array().unwrap().len(), &several["InvalidParameters"]), (1, &json!(["/none"])));
    let below = |recursive: bool| json!({ "Path": "/app", "Recursive": recursive });
    assert_eq!(lab.ssm("GetParametersByPath", below(false)).await["Parameters"].as_array().unwrap().len(), 1);
    assert_eq!(lab.ssm("GetParametersByPath", below(true)).await["Parameters"].as_array().unwrap().len(), 2);
    let (status, code, message) = lab.error("AmazonSSM.PutParameter", put("/app/url", "x", "String")).await;
    assert_eq!((status, code.as_str()), (400, "ParameterAlreadyExists"));
    assert!(message.starts_with("The parameter already exists."), "{message}");
    let over = json!({ "Name": "/app/url", "Value": "http://db2", "Overwrite": true });
    assert_eq!(lab.ssm("PutParameter", over).await["Version"], 2);
    assert_eq!(lab.ssm("GetParameter", json!({ "Name": "/app/url:1" })).await["Parameter"]["Selector"], ":1");
    lab.ssm("LabelParameterVersion", json!({ "Name": "/app/url", "ParameterVersion": 1, "Labels": ["old"] })).await;
    assert_eq!(lab.ssm("GetParameter", json!({ "Name": "/app/url:old" })).await["Parameter"]["Value"], "http://db");
    assert_eq!(lab.ssm("GetParameterHistory", json!({ "Name": "/app/url" })).await["Parameters"].as_array().unwrap().len(), 2);
    let secure = json!({ "ParameterFilters": [{ "Key": "Type", "Values": ["SecureString"] }] });
    assert_eq!(lab.ssm("DescribeParameters", secure).await["Parameters"][0]["Name"], "/app/db/password");
    let deleted = lab.ssm("DeleteParameters", json!({ "Names": ["/app/url", "/none"] })).await;
    assert_eq!(deleted, json!({ "DeletedParameters": ["/app/url"], "InvalidParameters": ["/none"] }));
    for (target, body, code) in [
        ("GetParameter", json!({ "Name": "/none" }), "ParameterNotFound"),
        ("GetParameter", json!({ "Name": "/app/db/password:9" }), "ParameterVersionNotFound"),
        ("PutParameter", json!({ "Name": "a", "Value": "b" }), "ValidationException"),
        ("GetParameters", json!({ "Names": [] }), "ValidationException"),
        ("DescribeParameters", json!({ "ParameterFilters": [{ "Key": "Colour" }] }), "InvalidFilterKey"),
    ] {
        assert_eq!(lab.error(&format!("AmazonSSM.{target}"), body).await.1, code, "{target}");
    }
    assert_eq!(lab.error("AmazonSSM.SendCommand", json!({})).await.0, 501);
}
