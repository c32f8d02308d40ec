//! Logs as AWS delivers them to S3 (alb.md 8): a bucket is a folder here, an object is a file of the name that it has there. The
//! running period's file grows as plain text; when its five minutes are over it is compressed.

use std::fmt::Arguments;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use model::LogBucket;

/// How long one file is written.
const PERIOD: Duration = Duration::from_secs(300);
/// So much is written at once; a round of the data plane's is the longest that it waits.
const BUFFER: usize = 64 * 1024;
/// How many finished files of one log are kept: a day without a pause.
const KEPT: usize = 288;

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogKind {
    /// Requests.
    Access,
    /// Connections.
    Connection,
    /// Health checks.
    HealthCheck,
}

impl LogKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Access => "",
            Self::Connection => "conn_log_",
            Self::HealthCheck => "health_check_log_",
        }
    }
}

/// Whose logs these are: parts of every name.
#[derive(Clone, Debug)]
pub struct Whose {
    /// Twelve digits.
    pub account: String,
    /// `us-east-1`
    pub region: String,
}

/// The files that are being written.
#[derive(Debug)]
pub struct LogFiles {
    folder: PathBuf,
    whose: Whose,
    /// A few: each line looks for its own by comparing.
    open: Vec<(Log, Open)>,
    /// A fault is said once, until a write succeeds.
    failing: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Log {
    kind: LogKind,
    bucket: String,
    prefix: String,
    balancer: String,
}

#[derive(Debug)]
struct Open {
    period: u64,
    path: PathBuf,
    file: BufWriter<File>,
}

impl LogFiles {
    /// Nothing open yet. Buckets are folders in `folder`.
    #[must_use]
    pub const fn new(folder: PathBuf, whose: Whose) -> Self {
        Self { folder, whose, open: Vec::new(), failing: false }
    }

    /// Writes a line that belongs to that time, in the log of the load balancer (`app/<name>/<id>`).
    pub fn write(&mut self, kind: LogKind, bucket: &LogBucket, balancer: &str, at: Duration, line: Arguments<'_>) {
        let result = self.file((kind, bucket, balancer), at.as_secs() / PERIOD.as_secs()).and_then(|file| writeln!(file, "{line}"));
        self.judge(result);
    }

    /// Writes out what is buffered, so that a reader sees it.
    pub fn flush(&mut self) {
        let result = self.open.iter_mut().try_for_each(|(_, open)| open.file.flush());
        self.judge(result);
    }

    /// Ends every file as if its time were over.
    pub fn close(&mut self) {
        for (log, open) in std::mem::take(&mut self.open) {
            let result = finish(&log, open);
            self.judge(result);
        }
    }

    fn judge(&mut self, result: io::Result<()>) {
        match result {
            Ok(()) => self.failing = false,
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::error!(%error, folder = %self.folder.display(), "logs of load balancers cannot be written");
            }
            Err(_) => {}
        }
    }

    fn file(&mut self, (kind, bucket, balancer): (LogKind, &LogBucket, &str), period: u64) -> io::Result<&mut BufWriter<File>> {
        let is = |log: &Log| log.kind == kind && log.balancer == balancer && log.bucket == bucket.bucket && log.prefix == bucket.prefix;
        let mut place = self.open.iter().position(|(log, _)| is(log));
        // A line that comes late goes into the file that is open.
        if let Some(over) = place.filter(|place| self.open[*place].1.period < period) {
            let (log, over) = self.open.swap_remove(over);
            finish(&log, over)?;
            place = None;
        }
        let place = place.map_or_else(|| self.begin(kind, bucket, (balancer, period)), Ok)?;
        Ok(&mut self.open[place].1.file)
    }

    /// Begins a file; its place among those that are open.
    fn begin(&mut self, kind: LogKind, bucket: &LogBucket, (balancer, period): (&str, u64)) -> io::Result<usize> {
        let log = Log { kind, bucket: bucket.bucket.clone(), prefix: bucket.prefix.clone(), balancer: balancer.to_owned() };
        let path = self.folder.join(object(&log, &self.whose, period, std::process::id()));
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        let file = BufWriter::with_capacity(BUFFER, File::options().create(true).append(true).open(&path)?);
        self.open.push((log, Open { period, path, file }));
        Ok(self.open.len() - 1)
    }
}

/// The name of a period's file, with AWS's parts in AWS's order; the random one at the end is our process, since only that can clash.
fn object(log: &Log, whose: &Whose, period: u64, process: u32) -> PathBuf {
    let seconds = |period: u64| i64::try_from(period * PERIOD.as_secs()).unwrap_or(i64::MAX);
    let day = Timestamp::from_second(seconds(period)).unwrap_or_default().strftime("%Y/%m/%d").to_string();
    let end = Timestamp::from_second(seconds(period + 1)).unwrap_or_default().strftime("%Y%m%dT%H%MZ").to_string();
    let Whose { account, region } = whose;
    let (kind, balancer) = (log.kind.prefix(), log.balancer.replace('/', "."));
    let folder: PathBuf = [&*log.bucket, &*log.prefix, "AWSLogs", account, "elasticloadbalancing", region, &day].iter().collect();
    folder.join(format!("{kind}{account}_elasticloadbalancing_{region}_{balancer}_{end}_127.0.0.1_{process:08x}.log"))
}

/// Compresses a file that is over, and removes the oldest of its log beyond those that are kept.
fn finish(log: &Log, open: Open) -> io::Result<()> {
    let Open { path, mut file, .. } = open;
    file.flush()?;
    drop(file);
    let compressed = path.with_extension("log.gz");
    let unfinished = path.with_extension("log.gz.part");
    let mut encoder = GzEncoder::new(File::create(&unfinished)?, Compression::default());
    let mut plain = File::open(&path)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match plain.read(&mut buffer)? {
            0 => break,
            read => encoder.write_all(&buffer[..read])?,
        }
    }
    encoder.finish()?.sync_all()?;
    fs::rename(&unfinished, &compressed)?;
    fs::remove_file(&path)?;
    forget_old(log, &path)
}

/// Days are folders, and their names and those of the files are in the order of time.
fn forget_old(log: &Log, newest: &Path) -> io::Result<()> {
    let Some(root) = newest.ancestors().nth(4) else { return Ok(()) };
    let mark = format!("_{}_", log.balancer.replace('/', "."));
    let mut found = Vec::new();
    collect(root, &mut |path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let own_kind = name.starts_with(log.kind.prefix()) && (log.kind != LogKind::Access || name.starts_with(|first: char| first.is_ascii_digit()));
        if own_kind && name.contains(&mark) && name.ends_with(".gz") {
            found.push(path);
        }
    })?;
    found.sort();
    let surplus = found.len().saturating_sub(KEPT);
    found.into_iter().take(surplus).try_for_each(fs::remove_file)
}

fn collect(folder: &Path, found: &mut impl FnMut(PathBuf)) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), found)?;
        } else {
            found(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use flate2::read::GzDecoder;

    use super::*;

    fn whose() -> Whose {
        Whose { account: "000000000000".into(), region: "us-east-1".into() }
    }

    fn files_in(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        collect(folder, &mut |path| found.push(path.strip_prefix(folder).unwrap().display().to_string())).unwrap();
        found.sort();
        found
    }

    #[test]
    fn five_minutes_are_one_object() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = LogFiles::new(folder.path().to_owned(), whose());
        let bucket = LogBucket { bucket: "logs".into(), prefix: "front/dev".into() };
        let mut write = |kind, seconds: u64, line: &str| {
            files.write(kind, &bucket, "app/front/0123456789abcdef", Duration::from_secs(seconds), format_args!("{line}"));
        };
        write(LogKind::Access, 1_709_164_799, "last of the day");
        write(LogKind::Connection, 1_709_164_799, "a connection");
        write(LogKind::Access, 1_709_164_800, "first of the next");
        write(LogKind::Access, 1_709_164_799, "late");
        files.flush();
        let process = format!("{:08x}", std::process::id());
        let name = |kind: &str, day: &str, end: &str, ending: &str| {
            format!(
                "logs/front/dev/AWSLogs/000000000000/elasticloadbalancing/us-east-1/{day}/\
                 {kind}000000000000_elasticloadbalancing_us-east-1_app.front.0123456789abcdef_{end}_127.0.0.1_{process}.{ending}"
            )
        };
        let first = name("", "2024/02/28", "20240229T0000Z", "log.gz");
        let second = name("", "2024/02/29", "20240229T0005Z", "log");
        assert_eq!(files_in(folder.path()), [first.clone(), name("conn_log_", "2024/02/28", "20240229T0000Z", "log"), second.clone()]);
        let mut text = String::new();
        GzDecoder::new(File::open(folder.path().join(first)).unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "last of the day\n");
        assert_eq!(fs::read_to_string(folder.path().join(second)).unwrap(), "first of the next\nlate\n");
        files.close();
        assert!(files_in(folder.path()).iter().all(|name| name.ends_with(".log.gz")));
    }

    #[test]
    fn a_day_of_objects_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = LogFiles::new(folder.path().to_owned(), whose());
        let bucket = LogBucket { bucket: "logs".into(), prefix: String::new() };
        for period in 0..KEPT as u64 + 3 {
            files.write(LogKind::Access, &bucket, "app/front/1", PERIOD * u32::try_from(period).unwrap(), format_args!("x"));
        }
        files.close();
        let left = files_in(folder.path());
        assert_eq!(left.len(), KEPT);
        assert!(left[0].contains("_19700101T0020Z_"), "the oldest three are gone: {}", left[0]);
    }
}
