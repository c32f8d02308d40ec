//! The registry and ECR's API over the wire: who gets in, and that both speak of the same repositories.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::lab::{Answer, Lab, manifest, steady};

const SERVICE: &str = "AmazonEC2ContainerRegistry_V20150921";

impl Lab {
    /// An operation of ECR's, as the AWS CLI sends it.
    async fn ecr(&self, operation: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let head = format!("POST / HTTP/1.0\r\nhost: {}\r\nx-amz-target: {SERVICE}.{operation}\r\n", self.address);
        let signed = "content-type: application/x-amz-json-1.1\r\nauthorization: AWS4-HMAC-SHA256 Credential=x\r\n";
        self.exchange(&format!("{head}{signed}content-length: {}\r\n\r\n{body}", body.len())).await
    }

    /// An operation that must be answered.
    async fn must(&self, operation: &str, body: Value) -> Value {
        self.ecr(operation, &body).await.value()
    }

    /// The code of an operation's error.
    async fn refused(&self, operation: &str, body: Value) -> (u16, String) {
        let answer = self.ecr(operation, &body).await;
        let error: Value = serde_json::from_str(&answer.text).unwrap();
        assert!(error["message"].is_string(), "{error}");
        (answer.status, error["__type"].as_str().unwrap().to_owned())
    }

    /// A request to the registry, logged in as Docker is.
    async fn v2(&self, line: &str, headers: &str, body: &str) -> Answer {
        let token = self.must("GetAuthorizationToken", json!({})).await["authorizationData"][0]["authorizationToken"].as_str().unwrap().to_owned();
        let head = format!("{line} HTTP/1.0\r\nhost: registry.test\r\nauthorization: Basic {token}\r\n{headers}");
        self.exchange(&format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await
    }

    /// Pushes an image and gives its digest.
    async fn push(&self, repository: &str, tag: &str) -> String {
        let config = registry::Digest::of(b"{}");
        let pushed = self.v2(&format!("POST /v2/{repository}/blobs/uploads/?digest={config}"), "", "{}").await;
        assert_eq!(pushed.status, 201, "{}", pushed.text);
        let document = json!({ "schemaVersion": 2, "config": { "mediaType": "c", "digest": config.as_str(), "size": 2 }, "layers": [] }).to_string();
        let media_type = "content-type: application/vnd.oci.image.manifest.v1+json\r\n";
        let pushed = self.v2(&format!("PUT /v2/{repository}/manifests/{tag}"), media_type, &document).await;
        assert_eq!(pushed.status, 201, "{}", pushed.text);
        registry::Digest::of(document.as_bytes()).to_string()
    }

    async fn names(&self) -> Vec<String> {
        let answer = self.must("DescribeRepositories", json!({})).await;
        let list = answer["repositories"].as_array().unwrap().clone();
        list.iter().map(|repository| repository["repositoryName"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn what_the_api_makes_docker_can_push_to() {
    let lab = Lab::new().await;
    let made = lab.must("CreateRepository", json!({ "repositoryName": "users", "tags": [{ "Key": "a", "Value": "b" }] })).await;
    assert_eq!(made["repository"]["repositoryUri"], format!("{}/users", lab.address));
    assert_eq!(made["repository"]["repositoryArn"], "arn:aws:ecr:us-east-1:000000000000:repository/users");
    assert_eq!(made["repository"]["imageTagMutability"], "MUTABLE");
    let token = lab.must("GetAuthorizationToken", json!({})).await;
    assert_eq!(token["authorizationData"][0]["proxyEndpoint"], format!("http://{}", lab.address));
    let pair = String::from_utf8(STANDARD.decode(token["authorizationData"][0]["authorizationToken"].as_str().unwrap()).unwrap()).unwrap();
    assert!(pair.starts_with("AWS:"), "{pair}");
    let digest = lab.push("users", "v1").await;
    let images = lab.must("DescribeImages", json!({ "repositoryName": "users" })).await;
    assert_eq!((&images["imageDetails"][0]["imageDigest"], &images["imageDetails"][0]["imageTags"]), (&json!(digest), &json!(["v1"])));
    let got = lab.must("BatchGetImage", json!({ "repositoryName": "users", "imageIds": [{ "imageTag": "v1" }, { "imageTag": "v2" }] })).await;
    assert_eq!((&got["images"][0]["imageId"]["imageDigest"], &got["failures"][0]["failureCode"]), (&json!(digest), &json!("ImageNotFound")));
    // A second name for it, through the API.
    let named = json!({ "repositoryName": "users", "imageManifest": got["images"][0]["imageManifest"], "imageTag": "v2",
        "imageManifestMediaType": got["images"][0]["imageManifestMediaType"] });
    lab.must("PutImage", named.clone()).await;
    assert_eq!(lab.refused("PutImage", named).await, (400, "ImageAlreadyExistsException".into()));
    let listed = lab.must("ListImages", json!({ "repositoryName": "users", "maxResults": 1 })).await;
    assert_eq!((listed["imageIds"].as_array().unwrap().len(), listed["nextToken"].is_string()), (1, true));
    assert_eq!(lab.refused("DeleteRepository", json!({ "repositoryName": "users" })).await.1, "RepositoryNotEmptyException");
    let gone = lab.must("BatchDeleteImage", json!({ "repositoryName": "users", "imageIds": [{ "imageTag": "v1" }, { "imageTag": "v2" }] })).await;
    assert_eq!((gone["imageIds"].as_array().unwrap().len(), gone["failures"].as_array().unwrap().len()), (2, 0));
    lab.must("DeleteRepository", json!({ "repositoryName": "users" })).await;
    assert_eq!(lab.names().await, Vec::<String>::new());
}

#[tokio::test]
async fn refusals_have_ecr_s_codes() {
    let lab = Lab::new().await;
    lab.must("CreateRepository", json!({ "repositoryName": "users", "imageTagMutability": "IMMUTABLE" })).await;
    let users = || json!({ "repositoryName": "users" });
    for (operation, body, status, code) in [
        ("CreateRepository", users(), 400, "RepositoryAlreadyExistsException"),
        ("CreateRepository", json!({ "repositoryName": "Users" }), 400, "InvalidParameterException"),
        ("CreateRepository", json!({ "repositoryName": "a", "imageTagMutability": "FIXED" }), 400, "InvalidParameterException"),
        (
            "CreateRepository",
            json!({ "repositoryName": "ab", "encryptionConfiguration": { "encryptionType": "KMS" } }),
            400,
            "InvalidParameterException",
        ),
        ("CreateRepository", json!({ "repositoryName": "ab", "tags": [{ "Key": "aws:x" }] }), 400, "InvalidTagParameterException"),
        ("DescribeRepositories", json!({ "repositoryNames": ["none"] }), 400, "RepositoryNotFoundException"),
        ("DescribeRepositories", json!({ "repositoryNames": ["users"], "registryId": "999999999999" }), 400, "RepositoryNotFoundException"),
        ("DescribeRepositories", json!([]), 400, "SerializationException"),
        ("DescribeImages", json!({ "repositoryName": "users", "imageIds": [{ "imageTag": "v1" }] }), 400, "ImageNotFoundException"),
        ("GetLifecyclePolicy", users(), 400, "LifecyclePolicyNotFoundException"),
        ("GetLifecyclePolicyPreview", users(), 400, "LifecyclePolicyPreviewNotFoundException"),
        ("GetRepositoryPolicy", users(), 400, "RepositoryPolicyNotFoundException"),
        ("PutLifecyclePolicy", json!({ "repositoryName": "users", "lifecyclePolicyText": "{}" }), 400, "InvalidParameterException"),
        ("UploadLayerPart", json!({ "repositoryName": "users", "uploadId": "x", "layerPartBlob": "" }), 400, "UploadNotFoundException"),
        ("StartImageScan", users(), 501, "UnsupportedOperationException"),
    ] {
        assert_eq!(lab.refused(operation, body).await, (status, code.to_owned()), "{operation}");
    }
    assert_eq!(lab.names().await, ["users"]);
}

#[tokio::test]
async fn layers_go_through_the_api_in_parts() {
    let lab = Lab::new().await;
    lab.must("CreateRepository", json!({ "repositoryName": "users" })).await;
    let upload = || async {
        let begun = lab.must("InitiateLayerUpload", json!({ "repositoryName": "users" })).await;
        begun["uploadId"].as_str().unwrap().to_owned()
    };
    let part = |id: &str, first: usize, content: &str| {
        json!({ "repositoryName": "users", "uploadId": id, "partFirstByte": first, "partLastByte": first + content.len() - 1,
            "layerPartBlob": STANDARD.encode(content) })
    };
    let complete = |id: &str, content: &str| json!({ "repositoryName": "users", "uploadId": id, "layerDigests": [registry::Digest::of(content.as_bytes()).as_str()] });
    let id = upload().await;
    assert_eq!(lab.refused("CompleteLayerUpload", complete(&id, "")).await.1, "EmptyUploadException");
    assert_eq!(lab.refused("UploadLayerPart", part(&id, 5, "later")).await.1, "InvalidLayerPartException");
    assert_eq!(lab.must("UploadLayerPart", part(&id, 0, "layer")).await["lastByteReceived"], 4);
    assert_eq!(lab.refused("CompleteLayerUpload", complete(&id, "else")).await.1, "InvalidLayerException");
    lab.must("CompleteLayerUpload", complete(&id, "layer")).await;
    let id = upload().await;
    lab.must("UploadLayerPart", part(&id, 0, "layer")).await;
    assert_eq!(lab.refused("CompleteLayerUpload", complete(&id, "layer")).await.1, "LayerAlreadyExistsException");
    let id = upload().await;
    lab.must("UploadLayerPart", part(&id, 0, "one ")).await;
    lab.must("UploadLayerPart", part(&id, 4, "two")).await;
    assert_eq!(lab.refused("CompleteLayerUpload", complete(&id, "one two")).await.1, "LayerPartTooSmallException");
    let digest = registry::Digest::of(b"layer");
    let known = lab.must("BatchCheckLayerAvailability", json!({ "repositoryName": "users", "layerDigests": [digest.as_str(), "x"] })).await;
    assert_eq!((&known["layers"][0]["layerAvailability"], &known["failures"][0]["failureCode"]), (&json!("AVAILABLE"), &json!("InvalidLayerDigest")));
    let url = lab.must("GetDownloadUrlForLayer", json!({ "repositoryName": "users", "layerDigest": digest.as_str() })).await;
    let path = url["downloadUrl"].as_str().unwrap().strip_prefix(&format!("http://{}", lab.address)).unwrap().to_owned();
    assert_eq!(lab.get(&path).await.text, "layer");
}

#[tokio::test]
async fn policies_and_tags_are_kept_as_they_were_given() {
    let lab = Lab::new().await;
    lab.must("CreateRepository", json!({ "repositoryName": "users" })).await;
    let rule = r#"{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}"#;
    let text = format!(r#"{{"rules":[{rule}]}}"#);
    let policy = json!({ "repositoryName": "users", "lifecyclePolicyText": text });
    lab.push("users", "v1").await;
    lab.must("StartLifecyclePolicyPreview", policy.clone()).await;
    let preview = lab.must("GetLifecyclePolicyPreview", json!({ "repositoryName": "users" })).await;
    assert_eq!((&preview["status"], &preview["summary"]["expiringImageTotalCount"]), (&json!("COMPLETE"), &json!(0)));
    lab.must("PutLifecyclePolicy", policy).await;
    for operation in ["GetLifecyclePolicy", "DeleteLifecyclePolicy"] {
        assert_eq!(lab.must(operation, json!({ "repositoryName": "users" })).await["lifecyclePolicyText"], text.as_str());
    }
    let statement = r#"{"Version":"2012-10-17","Statement":[]}"#;
    lab.must("SetRepositoryPolicy", json!({ "repositoryName": "users", "policyText": statement })).await;
    for operation in ["GetRepositoryPolicy", "DeleteRepositoryPolicy"] {
        assert_eq!(lab.must(operation, json!({ "repositoryName": "users" })).await["policyText"], statement);
    }
    let arn = "arn:aws:ecr:us-east-1:000000000000:repository/users";
    lab.must("TagResource", json!({ "resourceArn": arn, "tags": [{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }] })).await;
    lab.must("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["a"] })).await;
    let tags = lab.must("ListTagsForResource", json!({ "resourceArn": arn })).await;
    assert_eq!(tags["tags"], json!([{ "Key": "b", "Value": "2" }]));
    assert_eq!(lab.refused("ListTagsForResource", json!({ "resourceArn": arn.replace("us-east-1", "x") })).await.1, "InvalidParameterException");
    let filters = json!([{ "filterType": "WILDCARD", "filter": "v*" }]);
    let asked = json!({ "repositoryName": "users", "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": filters });
    assert_eq!(lab.must("PutImageTagMutability", asked).await["imageTagMutabilityExclusionFilters"], filters);
    let scanning = json!({ "repositoryName": "users", "imageScanningConfiguration": { "scanOnPush": true } });
    lab.must("PutImageScanningConfiguration", scanning).await;
    let repository = &lab.must("DescribeRepositories", json!({ "repositoryNames": ["users"] })).await["repositories"][0];
    assert_eq!(
        (&repository["imageTagMutability"], &repository["imageScanningConfiguration"]["scanOnPush"]),
        (&json!("IMMUTABLE_WITH_EXCLUSION"), &json!(true))
    );
}

#[tokio::test]
async fn without_a_login_nothing_is_pushed() {
    let lab = Lab::new().await;
    lab.must("CreateRepository", json!({ "repositoryName": "users" })).await;
    for host in ["localhost", "registry.test"] {
        let answer = lab.exchange(&format!("GET /v2/ HTTP/1.0\r\nhost: {host}\r\n\r\n")).await;
        assert_eq!((answer.status, answer.text.as_str()), (401, "Not Authorized\n"));
    }
    let page = lab.v2("GET /v2/", "origin: https://evil.example\r\n", "").await;
    assert_eq!(page.status, 403, "{}", page.text);
    assert_eq!(lab.v2("GET /v2/", "", "").await.status, 200);
    assert_eq!(lab.v2("GET /v2/none/tags/list", "", "").await.status, 404);
}

#[tokio::test]
async fn a_manifest_s_repositories_come_and_go_with_it_but_not_their_images() {
    let lab = Lab::new().await;
    let text = |repositories: &str| format!("{}repositories: [{repositories}]\n", manifest("sim:v1", "out=hello"));
    assert_eq!(lab.bring(&text("users, threads, posts")).await.pop().unwrap()["type"], "done");
    assert_eq!(lab.names().await, ["posts", "threads", "users"]);
    lab.push("users", "v1").await;
    lab.push("posts", "v1").await;
    // `threads` is empty and goes, `posts` is not and stays, and that is said.
    let said = lab.bring(&text("users")).await;
    assert!(said.iter().any(|line| line["type"] == "notice" && line["message"].as_str().unwrap().contains("`posts` holds images")), "{said:?}");
    assert_eq!(lab.names().await, ["posts", "users"]);
    lab.until(steady).await;
    let reply: Value = lab.post("/local/v1/down?cluster=lab", "{}").await.value();
    assert_eq!(reply["repositories"], json!(["users"]));
    assert_eq!(lab.names().await, ["posts", "users"]);
    lab.until(|view| view.clusters.is_empty()).await;
    assert_eq!(lab.bring(&text("users")).await.pop().unwrap()["type"], "done");
    let reply: Value = lab.post("/local/v1/down?cluster=lab&repositories=true", "{}").await.value();
    assert_eq!(reply["repositories"], json!([]));
    assert_eq!(lab.names().await, ["posts"]);
    let collected: Value = lab.post("/local/v1/registry/collect", r#"{"olderThanSeconds":0}"#).await.value();
    assert_eq!(collected["blobs"], 0, "another repository has the same");
    lab.must("DeleteRepository", json!({ "repositoryName": "posts", "force": true })).await;
    let collected: Value = lab.post("/local/v1/registry/collect", r#"{"olderThanSeconds":0}"#).await.value();
    assert_eq!(collected["blobs"], 2);
}
