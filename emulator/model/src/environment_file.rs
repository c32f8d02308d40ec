//! `environmentFiles` of a container definition: files of variables, read at each start of a task (ecs.md 1.2, 1.9).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the name of such a file ends with (ecs.md 1.2).
pub const ENVIRONMENT_FILE_EXTENSION: &str = ".env";

/// The most of them that a container has (ecs.md 1.2).
pub const MAX_ENVIRONMENT_FILES: usize = 10;

/// A file of variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnvironmentFile {
    /// An object of S3. Here a bucket is a folder of the state folder.
    S3 {
        /// The bucket.
        bucket: String,
        /// The object in it.
        key: String,
    },
    /// A file of this machine's, by its absolute path. Not of ECS.
    Local(String),
}

impl EnvironmentFile {
    /// The object that an ARN names, `arn:aws:s3:::bucket/key`; `None` where it names none.
    #[must_use]
    pub fn from_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':');
        let (_partition, service, _region, _account) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (bucket, key) = parts.next()?.split_once('/')?;
        let folder = |part: &str| !matches!(part, "" | "." | "..");
        // A key that leaves its folder names no object of the bucket.
        let inside = folder(bucket) && !bucket.contains('\\') && key.split('/').all(folder);
        (service == "s3" && inside).then(|| Self::S3 { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

/// The variables of a file by the agent's rules: a line that begins with `#` and one without `=` say nothing, nor does one whose name or
/// value is empty; what follows the first `=` is the value as it stands, quotes and spaces included. The last line of a name counts.
#[must_use]
pub fn read_environment_file(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('=')).filter(|(name, value)| !name.is_empty() && !value.is_empty());
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Lays what files and secrets say around a container's own variables: of several files the first that has a name counts, its own
/// variables count more than files, and secrets more than these (ecs.md 1.9).
pub fn complete_environment(own: &mut BTreeMap<String, String>, files: Vec<BTreeMap<String, String>>, secrets: BTreeMap<String, String>) {
    for (name, value) in files.into_iter().flatten() {
        own.entry(name).or_insert(value);
    }
    own.extend(secrets);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn lines_are_read_as_the_agent_reads_them() {
        for (text, expected) in [
            ("A=1\nB=2\n", &[("A", "1"), ("B", "2")][..]),
            ("# comment\n#A=1\n A=2", &[(" A", "2")]),
            ("A=\"quoted\"\nB='x' # no comment\nC=a=b=c", &[("A", "\"quoted\""), ("B", "'x' # no comment"), ("C", "a=b=c")]),
            ("export A=1", &[("export A", "1")]),
            ("A=trailing  \r\nB=$HOME\r\n", &[("A", "trailing  "), ("B", "$HOME")]),
            ("no variable\n=value\nA=\n\n", &[]),
            ("A=1\nA=2", &[("A", "2")]),
            ("A=ünïcödé\u{0}", &[("A", "ünïcödé\u{0}")]),
        ] {
            assert_eq!(read_environment_file(text), map(expected), "{text:?}");
        }
    }

    #[test]
    fn secrets_win_over_variables_and_these_over_files_of_which_the_first_wins() {
        let mut own = map(&[("A", "own"), ("B", "own")]);
        let files = vec![map(&[("A", "first"), ("C", "first")]), map(&[("C", "second"), ("D", "second"), ("E", "second")])];
        complete_environment(&mut own, files, map(&[("B", "secret"), ("E", "secret")]));
        assert_eq!(own, map(&[("A", "own"), ("B", "secret"), ("C", "first"), ("D", "second"), ("E", "secret")]));
    }

    #[test]
    fn an_arn_names_an_object_inside_its_bucket() {
        let object = |bucket: &str, key: &str| Some(EnvironmentFile::S3 { bucket: bucket.into(), key: key.into() });
        for (arn, expected) in [
            ("arn:aws:s3:::settings/users.env", object("settings", "users.env")),
            ("arn:aws-cn:s3:::settings/a/b.env", object("settings", "a/b.env")),
            ("arn:aws:s3:::settings", None),
            ("arn:aws:s3:::settings/", None),
            ("arn:aws:s3:::settings/../x.env", None),
            ("arn:aws:s3:::../x.env", None),
            ("arn:aws:s3:::settings//x.env", None),
            ("arn:aws:ssm:::settings/x.env", None),
            ("settings/x.env", None),
        ] {
            assert_eq!(EnvironmentFile::from_arn(arn), expected, "{arn}");
        }
    }
}
