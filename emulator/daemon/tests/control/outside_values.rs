//! What a task has from outside its definition: files of variables, read when it starts.

use serde_json::json;

use crate::lab::{Lab, manifest, steady};

/// One task of `web` with a file of variables from a bucket.
fn with_file() -> String {
    let file = "environmentFiles: [{ type: s3, value: \"arn:aws:s3:::settings/web.env\" }], environment: [{ name: OWN, value: own }]";
    manifest("sim:v1", "out=hello").replacen("memory: 64,", &format!("memory: 64, {file},"), 1)
}

impl Lab {
    /// Puts an object into a bucket.
    fn put(&self, object: &str, text: &str) {
        let path = self.folder.path().join("state/s3").join(object);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The variables of the newest container, as `NAME=value`.
    fn variables(&self) -> Vec<String> {
        let newest = self.fleet.containers().pop().unwrap();
        newest.spec.definition.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

#[tokio::test]
async fn a_file_of_variables_is_read_at_each_start_of_a_task() {
    let lab = Lab::new().await;
    lab.put("settings/web.env", "# of the team\nGREETING=hello\nOWN=file\n");
    assert_eq!(lab.bring(&with_file()).await.pop().unwrap()["type"], "done");
    let view = lab.until(steady).await;
    assert_eq!(lab.variables(), ["GREETING=hello", "OWN=own"]);
    // What has changed since reaches the next task, and no task that runs.
    lab.put("settings/web.env", "GREETING=hi\n");
    let task = &view.clusters[0].tasks[0].task_id;
    assert_eq!(lab.post("/local/v1/stop-task", &json!({"cluster": "lab", "task": task, "reason": null}).to_string()).await.status, 200);
    lab.until(|view| view.clusters[0].tasks.iter().any(|found| found.task_id != *task && found.last_status == "RUNNING")).await;
    assert_eq!(lab.variables(), ["GREETING=hi", "OWN=own"]);
}

#[tokio::test]
async fn a_task_whose_file_is_missing_fails_to_start_in_ecs_s_words() {
    let lab = Lab::new().await;
    assert_eq!(lab.bring(&with_file()).await.pop().unwrap()["type"], "done");
    let stopped = |task: &wire::local::TaskView| task.stop_code.as_deref() == Some("TaskFailedToStart");
    let view = lab.until(|view| view.clusters[0].tasks.iter().any(stopped)).await;
    let reason = view.clusters[0].tasks.iter().find(|task| stopped(task)).unwrap().stopped_reason.clone().unwrap();
    let begin =
        "ResourceInitializationError: failed to download env files: unable to download env file with key web.env from bucket settings, error: ";
    assert!(reason.starts_with(begin) && reason.ends_with("s3/settings/web.env`: there is no such file"), "{reason}");
    assert!(lab.fleet.containers().is_empty());
    // The service tries again, and the file has come meanwhile.
    lab.put("settings/web.env", "GREETING=hello\n");
    lab.until(steady).await;
}
