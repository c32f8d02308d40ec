//! What the container itself sees: files, folders, links, hosts.

use std::fs;
use std::net::ToSocketAddrs;

/// Something to look at once, at start.
pub(crate) enum Look {
    /// A path of any kind.
    Path(String),
    /// A host's name.
    Host(String),
}

impl Look {
    /// `what is …`, in one line.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Path(path) => format!("{path} is {}", see(path)),
            Self::Host(name) => {
                let address = (name.as_str(), 0).to_socket_addrs().ok().and_then(|mut found| found.next());
                format!("{name} is {}", address.map_or_else(|| "unknown".to_owned(), |address| address.ip().to_string()))
            }
        }
    }
}

fn see(path: &str) -> String {
    if let Ok(target) = fs::read_link(path) {
        return target.display().to_string();
    }
    if let Ok(entries) = fs::read_dir(path) {
        let mut names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        return names.join(" ");
    }
    match fs::read_to_string(path) {
        Ok(text) => text.trim_end().replace('\n', " | "),
        Err(error) => format!("not there: {error}"),
    }
}
