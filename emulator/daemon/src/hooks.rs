//! Lifecycle hooks of deployments: what AWS asks of a Lambda function is asked of a program or an HTTP endpoint on this machine, with
//! the same question and the same answers (ecs.md 3.10).

use std::pin::Pin;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use model::{DeploymentId, HookAnswer, HookTarget, LifecycleStage, Service, ServiceKey, World};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long a hook may take to answer. A Lambda function has as long.
const ANSWER: Duration = Duration::from_secs(15 * 60);
/// The longest answer that is read, in bytes.
const LONGEST: usize = 64 * 1024;
/// A hook that is not done is asked again after that, unless it says when (ecs.md 3.10).
const CALL_BACK: Duration = Duration::from_secs(30);
/// The most of an answer that is shown.
const SHOWN: usize = 200;

/// An answer to come.
pub type Answer<'a> = Pin<Box<dyn Future<Output = HookAnswer> + Send + 'a>>;

/// Whoever asks hooks: the daemon itself, or a test in its place.
pub trait Hooks: Send + Sync + 'static {
    /// Asks one.
    fn ask<'a>(&'a self, target: &'a HookTarget, question: &'a Value) -> Answer<'a>;
}

/// What is asked, and of whom; `None` where nobody waits for it any more.
#[must_use]
pub fn question(world: &World, key: &ServiceKey, (deployment, stage, hook): (&DeploymentId, LifecycleStage, usize)) -> Option<(HookTarget, Value)> {
    let service = world.services.get(key)?;
    let primary = service.primary().filter(|primary| primary.id == *deployment)?;
    let shift = primary.shift.as_ref().filter(|shift| shift.stage == stage && shift.hook == hook)?;
    let asked = service.spec.traffic_shift.as_ref()?.hooks_at(stage).nth(hook)?;
    let arn = |service: &Service, revision: &DeploymentId| revision_arn(world, service, revision);
    let weights = |share: u16| {
        let mut weights = Map::new();
        weights.insert(arn(service, deployment), json!(share / 10));
        service.old().into_iter().for_each(|old| drop(weights.insert(arn(service, &old.id), json!(100 - share / 10))));
        weights
    };
    let (test, production) = match stage {
        LifecycleStage::TestTrafficShift => (weights(1000), Map::new()),
        LifecycleStage::ProductionTrafficShift => (Map::new(), weights(shift.production)),
        _ => (Map::new(), Map::new()),
    };
    let prefix = format!("arn:aws:ecs:{}:{}", world.settings.region, world.settings.account);
    let question = json!({
        "executionId": format!("{}-{}-{hook}", digits(deployment), stage.as_str()),
        "lifecycleStage": stage.as_str(),
        "resourceArn": format!("{prefix}:service-deployment/{}/{}/{}", key.cluster, key.name, digits(deployment)),
        "executionDetails": {
            "serviceArn": format!("{prefix}:service/{}/{}", key.cluster, key.name),
            "targetServiceRevisionArn": arn(service, deployment),
            "testTrafficWeights": test,
            "productionTrafficWeights": production,
        },
        "hookDetails": asked.details.as_ref().and_then(|details| serde_json::from_str::<Value>(details).ok()),
    });
    Some((asked.target.clone(), question))
}

fn digits(deployment: &DeploymentId) -> &str {
    deployment.as_str().rsplit('/').next().unwrap_or_default()
}

fn revision_arn(world: &World, service: &Service, deployment: &DeploymentId) -> String {
    let (region, account) = (&world.settings.region, &world.settings.account);
    format!("arn:aws:ecs:{region}:{account}:service-revision/{}/{}/{}", service.cluster, service.spec.name, digits(deployment))
}

/// Asks programs and endpoints.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalHooks;

impl Hooks for LocalHooks {
    fn ask<'a>(&'a self, target: &'a HookTarget, question: &'a Value) -> Answer<'a> {
        Box::pin(async move {
            let asked = async {
                match target {
                    HookTarget::Command { command, folder } => run(command, folder, question).await,
                    HookTarget::Endpoint(url) => post(url, question).await,
                    // A user is asked, not we.
                    HookTarget::Pause => Ok(HookAnswer::InProgress(CALL_BACK)),
                }
            };
            match tokio::time::timeout(ANSWER, asked).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(why)) => HookAnswer::Failed(why),
                Err(_elapsed) => HookAnswer::Failed(format!("no answer within {} s", ANSWER.as_secs())),
            }
        })
    }
}

/// The question goes to its standard input. It may answer as a function would, by a line of JSON; else its exit code does.
async fn run(command: &[String], folder: &str, question: &Value) -> Result<HookAnswer, String> {
    let (program, arguments) = command.split_first().ok_or("the command is empty")?;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("ECSLOCAL_LIFECYCLE_STAGE", question["lifecycleStage"].as_str().unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let ask = async {
        if let Some(mut stdin) = stdin {
            // A program that does not read what it is asked is no failure.
            stdin.write_all(question.to_string().as_bytes()).await.ok();
        }
    };
    let ((), said, complained, status) = tokio::join!(ask, read(stdout), read(stderr), child.wait());
    let status = status.map_err(|error| format!("`{program}` cannot be waited for: {error}"))?;
    if !status.success() {
        let last = [&complained, &said].into_iter().find_map(|text| text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned));
        return Ok(HookAnswer::Failed(last.map_or_else(|| format!("`{program}` ended with {status}"), |line| shortened(&line))));
    }
    Ok(said.lines().rev().find_map(|line| understand(line.as_bytes())).unwrap_or(HookAnswer::Succeeded))
}

/// What a program writes, up to [`LONGEST`]; the rest is read and thrown away, so that it can go on.
async fn read(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let mut text = Vec::new();
    (&mut pipe).take(LONGEST as u64).read_to_end(&mut text).await.ok();
    tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await.ok();
    String::from_utf8_lossy(&text).into_owned()
}

async fn post(url: &str, question: &Value) -> Result<HookAnswer, String> {
    let uri: Uri = url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))?;
    let (host, port) = (uri.host().unwrap_or("127.0.0.1"), uri.port_u16().unwrap_or(80));
    let no_answer = |error: &dyn std::fmt::Display| format!("`{url}` does not answer: {error}");
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((address, port)).await.map_err(|error| no_answer(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| no_answer(&error))?;
    let path = uri.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
    let request = Request::post(path)
        .header(HOST, format!("{host}:{port}"))
        .header(CONTENT_TYPE, "application/json")
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::from(question.to_string())))
        .map_err(|error| no_answer(&error))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| no_answer(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await.map_err(|error| no_answer(&error))?.to_bytes();
        if !status.is_success() {
            return Ok(HookAnswer::Failed(format!("`{url}` answered {status}")));
        }
        Ok(understand(&body).unwrap_or_else(|| HookAnswer::Failed(format!("`{url}` answered without `hookStatus`"))))
    };
    // The connection is driven by the same task as the exchange on it, and may end with the whole answer in it.
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        _ended = connection => exchange.await,
    }
}

/// `{"hookStatus": "SUCCEEDED" | "FAILED" | "IN_PROGRESS", "callBackDelay": seconds}`; nothing where it is something else.
fn understand(answer: &[u8]) -> Option<HookAnswer> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Said {
        hook_status: String,
        call_back_delay: Option<f64>,
    }
    let said: Said = serde_json::from_slice(answer).ok()?;
    Some(match said.hook_status.as_str() {
        "SUCCEEDED" => HookAnswer::Succeeded,
        "IN_PROGRESS" => {
            let delay = said.call_back_delay.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            HookAnswer::InProgress(delay.unwrap_or(CALL_BACK))
        }
        "FAILED" => HookAnswer::Failed("hookStatus FAILED".into()),
        other => HookAnswer::Failed(format!("hookStatus `{}`", shortened(other))),
    })
}

fn shortened(text: &str) -> String {
    text.trim().chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn command(script: &str) -> HookAnswer {
        let target = HookTarget::Command { command: vec!["sh".into(), "-c".into(), script.into()], folder: "/".into() };
        LocalHooks.ask(&target, &json!({"lifecycleStage": "PRE_SCALE_UP"})).await
    }

    #[tokio::test]
    async fn a_program_answers_by_its_exit_code_or_in_a_functions_words() {
        assert_eq!(command("exit 0").await, HookAnswer::Succeeded);
        assert_eq!(command("echo no such luck >&2; exit 3").await, HookAnswer::Failed("no such luck".into()));
        assert_eq!(command("kill -9 $$").await, HookAnswer::Failed("`sh` ended with signal: 9 (SIGKILL)".into()));
        assert_eq!(command(r#"grep -q PRE_SCALE_UP && echo '{"hookStatus":"FAILED"}'"#).await, HookAnswer::Failed("hookStatus FAILED".into()));
        assert_eq!(command(r#"[ $ECSLOCAL_LIFECYCLE_STAGE = PRE_SCALE_UP ]"#).await, HookAnswer::Succeeded);
        let later = r#"echo working; echo '{"hookStatus":"IN_PROGRESS","callBackDelay":2}'"#;
        assert_eq!(command(later).await, HookAnswer::InProgress(Duration::from_secs(2)));
        assert_eq!(command("yes | head -c 1000000").await, HookAnswer::Succeeded, "what is too long is read and forgotten");
        let missing = HookTarget::Command { command: vec!["/nowhere/at/all".into()], folder: "/".into() };
        assert!(matches!(LocalHooks.ask(&missing, &json!({})).await, HookAnswer::Failed(why) if why.contains("cannot be run")));
    }

    async fn endpoint(answer: &'static str) -> HookAnswer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?a=1", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"}") {
                stream.read_buf(&mut seen).await.unwrap();
            }
            assert!(seen.starts_with(b"POST /hook?a=1 HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let answer = LocalHooks.ask(&HookTarget::Endpoint(url), &json!({"a": 1})).await;
        server.await.unwrap();
        answer
    }

    #[tokio::test]
    async fn an_endpoint_answers_as_a_function_does() {
        let said = |text: &str| HookAnswer::Failed(text.into());
        assert_eq!(endpoint("HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{\"hookStatus\":\"SUCCEEDED\"}").await, HookAnswer::Succeeded);
        assert_eq!(endpoint("HTTP/1.0 200 OK\r\n\r\n{\"hookStatus\":\"IN_PROGRESS\"}").await, HookAnswer::InProgress(CALL_BACK));
        assert_eq!(endpoint("HTTP/1.0 200 OK\r\n\r\n{\"hookStatus\":\"MAYBE\"}").await, said("hookStatus `MAYBE`"));
        let words = |answer: HookAnswer| if let HookAnswer::Failed(why) = answer { why } else { format!("{answer:?}") };
        assert!(words(endpoint("HTTP/1.0 500 Oh\r\n\r\n").await).ends_with("answered 500 Internal Server Error"));
        assert!(words(endpoint("HTTP/1.0 200 OK\r\n\r\nyes").await).ends_with("answered without `hookStatus`"));
        assert!(words(endpoint("").await).contains("does not answer"));
    }
}
