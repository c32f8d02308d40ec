//! Credentials of roles at AWS, for tasks whose manifest asks for them by `fromProfile`: assumed by the AWS CLI with a profile of this machine's user.
//!
//! `aws` is a program, as `ssh` is: it knows the user's profiles, single sign-on and processes that give credentials. What it gives is kept in
//! memory alone, until shortly before it expires.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{FromProfile, Timestamp};
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use wire::metadata::CredentialsAnswer;

/// How long the program may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Credentials with less time left are asked for anew, as SDKs themselves do with less than five minutes left.
const RENEWED_BEFORE: Duration = Duration::from_secs(10 * 60);

/// What went wrong is told again for so long before it is tried again: SDKs of many containers ask at once.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The longest answer that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The name of the session, which AWS's CloudTrail shows.
const SESSION: &str = "ecslocal";

/// Variables that would lead the program elsewhere than a profile says; this daemon may have been started with them.
const NOT_PASSED_ON: [&str; 6] =
    ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"];

/// What was given for each role.
pub struct Profiles {
    program: OsString,
    given: Mutex<BTreeMap<FromProfile, Arc<tokio::sync::Mutex<Given>>>>,
}

/// What the last attempts gave.
#[derive(Default)]
struct Given {
    credentials: Option<(CredentialsAnswer, Timestamp)>,
    failure: Option<(String, Timestamp)>,
}

impl std::fmt::Debug for Profiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Profiles")
    }
}

impl Default for Profiles {
    fn default() -> Self {
        Self::new("aws".into())
    }
}

impl Profiles {
    /// With that program in the AWS CLI's place.
    #[must_use]
    pub fn new(program: OsString) -> Self {
        Self { program, given: Mutex::default() }
    }

    /// The credentials of a role, as of now by the wall's time. Whoever asks while another one does waits for the same answer.
    ///
    /// # Errors
    /// Why there are none, for a person.
    pub async fn credentials(&self, role: &FromProfile, now: Timestamp) -> Result<CredentialsAnswer, String> {
        let cell = self.given.lock().unwrap_or_else(PoisonError::into_inner).entry(role.clone()).or_default().clone();
        let mut given = cell.lock().await;
        let left = given.credentials.as_ref().map_or(Duration::ZERO, |(_, until)| until.since(now));
        if let Some((credentials, _)) = given.credentials.as_ref().filter(|_| left > RENEWED_BEFORE) {
            return Ok(credentials.clone());
        }
        let failure = match given.failure.as_ref().filter(|(_, at)| now < *at + TRIED_AGAIN_AFTER) {
            Some((why, _)) => why.clone(),
            None => match self.assume(role).await {
                Ok(fresh) => {
                    *given = Given { credentials: Some(fresh.clone()), failure: None };
                    return Ok(fresh.0);
                }
                Err(why) => {
                    tracing::warn!(role = role.role_arn, profile = role.profile_name, "{}", why.replace("\nhint: ", "; "));
                    given.failure = Some((why.clone(), now));
                    why
                }
            },
        };
        // What is good for a while yet is better than nothing.
        match given.credentials.as_ref().filter(|_| left > Duration::ZERO) {
            Some((credentials, _)) => Ok(credentials.clone()),
            None => Err(failure),
        }
    }

    async fn assume(&self, role: &FromProfile) -> Result<(CredentialsAnswer, Timestamp), String> {
        let program = self.program.to_string_lossy();
        let what = format!("the role `{}` cannot be assumed with the profile `{}`", role.role_arn, role.profile_name);
        let duration = role.duration.to_string();
        let mut command = tokio::process::Command::new(&self.program);
        command.args(["sts", "assume-role", "--role-arn", &role.role_arn, "--role-session-name", SESSION, "--duration-seconds", &duration]);
        command.args(["--profile", &role.profile_name, "--output", "json"]);
        for name in NOT_PASSED_ON {
            command.env_remove(name);
        }
        command.env("AWS_PAGER", "").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("{what}: there is no program `{program}`\nhint: install the AWS CLI, or remove `fromProfile`"),
            _ => format!("{what}: `{program}` cannot be run: {error}"),
        })?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended = async { tokio::join!(read(stdout), read(stderr), child.wait()) };
        let Ok((said, complained, status)) = tokio::time::timeout(PATIENCE, ended).await else {
            return Err(format!("{what}: `{program}` did not answer within {} s", PATIENCE.as_secs()));
        };
        let status = status.map_err(|error| format!("{what}: `{program}` cannot be waited for: {error}"))?;
        if !status.success() {
            let why = complained.lines().rev().map(str::trim).find(|line| !line.is_empty()).map_or_else(|| status.to_string(), str::to_owned);
            let profile = &role.profile_name;
            return Err(format!(
                "{what}: {why}\nhint: `aws sts get-caller-identity --profile {profile}` says who the profile is; `aws sso login --profile {profile}` renews a login"
            ));
        }
        // What it said is a secret, whatever it is.
        understand(role, &said).ok_or_else(|| format!("{what}: `{program}` did not answer with credentials"))
    }
}

async fn read(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let mut text = Vec::new();
    // What breaks off is no answer, which is told then.
    (&mut pipe).take(LONGEST).read_to_end(&mut text).await.ok();
    tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await.ok();
    String::from_utf8_lossy(&text).into_owned()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Assumed {
    credentials: Credentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

fn understand(role: &FromProfile, said: &str) -> Option<(CredentialsAnswer, Timestamp)> {
    let Assumed { credentials } = serde_json::from_str(said).ok()?;
    let until: jiff::Timestamp = credentials.expiration.parse().ok()?;
    let answer = CredentialsAnswer {
        role_arn: role.role_arn.clone(),
        access_key_id: credentials.access_key_id,
        secret_access_key: credentials.secret_access_key,
        token: credentials.session_token,
        expiration: until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    };
    Some((answer, Timestamp::from_millis(u64::try_from(until.as_millisecond()).ok()?)))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;

    /// Writes down how it was called, and answers with a new key each time; with `deny` beside it, it fails as the CLI does.
    const STAND_IN: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
echo "$* ${AWS_ENDPOINT_URL-none}" >> calls
if [ -e deny ]; then echo; echo "An error occurred (AccessDenied) when calling the AssumeRole operation: no"; exit 254; fi >&2
cat <<END
{ "Credentials": { "AccessKeyId": "ASIA$(wc -l < calls | tr -d ' ')", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": "2026-01-02T04:00:00+00:00" },
  "AssumedRoleUser": { "AssumedRoleId": "A:ecslocal", "Arn": "arn:aws:sts::1:assumed-role/users/ecslocal" } }
END
"#;

    fn at(minutes_before: u64) -> Timestamp {
        Timestamp::from_millis(1_767_326_400_000 - minutes_before * 60_000)
    }

    fn role() -> FromProfile {
        FromProfile { profile_name: "dev".into(), role_arn: "arn:aws:iam::1:role/users".into(), duration: 900 }
    }

    fn stand_in(folder: &Path, text: &str) -> Profiles {
        let path = folder.join("aws");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Profiles::new(path.into())
    }

    #[tokio::test]
    async fn credentials_are_kept_until_shortly_before_they_expire() {
        let folder = tempfile::tempdir().unwrap();
        let profiles = stand_in(folder.path(), STAND_IN);
        let key = async |minutes| profiles.credentials(&role(), at(minutes)).await.map(|credentials| credentials.access_key_id);
        assert_eq!((key(60).await, key(11).await), (Ok("ASIA1".into()), Ok("ASIA1".into())));
        assert_eq!(key(9).await, Ok("ASIA2".into()), "with nine minutes left");
        std::fs::write(folder.path().join("deny"), "").unwrap();
        assert_eq!(key(8).await, Ok("ASIA2".into()), "what is good for a while yet");
        let why = key(0).await.unwrap_err();
        let expected = "the role `arn:aws:iam::1:role/users` cannot be assumed with the profile `dev`: An error occurred (AccessDenied) when calling \
                        the AssumeRole operation: no\nhint: `aws sts get-caller-identity --profile dev`";
        assert!(why.starts_with(expected), "{why}");
        let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap();
        let call = "sts assume-role --role-arn arn:aws:iam::1:role/users --role-session-name ecslocal --duration-seconds 900 --profile dev --output json none";
        assert!(calls.lines().all(|line| line == call), "{calls}");
        assert_eq!(key(0).await.unwrap_err(), why);
        assert_eq!(std::fs::read_to_string(folder.path().join("calls")).unwrap(), calls, "what went wrong a moment ago is not tried again");
        let other = FromProfile { profile_name: "other".into(), ..role() };
        assert!(profiles.credentials(&other, at(60)).await.is_err(), "another profile is asked for itself");
    }

    #[tokio::test]
    async fn who_asks_at_once_waits_for_one_answer() {
        let folder = tempfile::tempdir().unwrap();
        let profiles = stand_in(folder.path(), STAND_IN);
        let role = role();
        let asked = (0..8).map(|_| profiles.credentials(&role, at(60)));
        let all = futures_util::future::join_all(asked).await;
        assert!(all.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.access_key_id == "ASIA1")), "{}", all.len());
        let first = all[0].as_ref().ok().unwrap();
        assert_eq!((first.role_arn.as_str(), first.expiration.as_str()), ("arn:aws:iam::1:role/users", "2026-01-02T04:00:00Z"));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_told_without_it() {
        let folder = tempfile::tempdir().unwrap();
        let profiles = stand_in(folder.path(), "#!/bin/sh\necho '{\"Credentials\": {\"SecretAccessKey\": \"hunter2\"}}'\n");
        let why = profiles.credentials(&role(), at(60)).await.err().unwrap();
        assert!(why.ends_with("did not answer with credentials") && !why.contains("hunter2"), "{why}");
        let why = Profiles::new(folder.path().join("none").into()).credentials(&role(), at(60)).await.err().unwrap();
        assert!(why.contains("there is no program") && why.contains("\nhint: install the AWS CLI"), "{why}");
    }
}
