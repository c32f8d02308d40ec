//! Who holds a port: read from `/proc` on Linux; elsewhere nobody can be named.

use std::fs;
use std::path::Path;

/// A process that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Its number.
    pub(crate) pid: u32,
    /// Its name.
    pub(crate) name: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` (process {})", self.name, self.pid)
    }
}

/// The process that listens on TCP `port`, if this user may see it.
#[must_use]
pub(crate) fn find(port: u16) -> Option<Holder> {
    holder(|table| listening(table, port))
}

/// The one that listens on TCP `port` of all addresses.
#[must_use]
pub(crate) fn find_on_all(port: u16) -> Option<Holder> {
    let everywhere = |local: &str| local.split_once(':').is_some_and(|(address, _)| address.bytes().all(|digit| digit == b'0'));
    holder(|table| rows(table, port).filter(|(local, _)| everywhere(local)).map(|(_, inode)| inode).collect())
}

fn holder(listening: impl Fn(&str) -> Vec<String>) -> Option<Holder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let inodes: Vec<String> = tables.iter().filter_map(|table| fs::read_to_string(table).ok()).flat_map(|text| listening(&text)).collect();
    let sockets: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut numbered = processes.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())));
    let (pid, folder) = numbered.find(|(_, folder)| holds(folder, &sockets))?;
    let name = fs::read_to_string(folder.join("comm")).map_or_else(|_| "?".to_owned(), |name| name.trim().to_owned());
    Some(Holder { pid, name })
}

/// The inodes of the sockets that listen on `port`, but for doors of ours, which are in nobody's way.
fn listening(table: &str, port: u16) -> Vec<String> {
    let door = format!("{:08X}:", u32::from(agent::ADDRESS).swap_bytes());
    rows(table, port).filter(|(local, _)| !local.starts_with(&door)).map(|(_, inode)| inode).collect()
}

/// The local address and the inode of each that listens on `port`, from the text of `/proc/net/tcp`: local address in column 1, state 0A in
/// column 3, inode in column 9.
fn rows(table: &str, port: u16) -> impl Iterator<Item = (&str, String)> {
    let suffix = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listens = rows.filter(move |row| row.get(1).is_some_and(|local| local.ends_with(&suffix)) && row.get(3) == Some(&"0A"));
    listens.filter_map(|row| Some((*row.get(1)?, (*row.get(9)?).to_owned())))
}

fn holds(process: &Path, sockets: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else { return false };
    let links = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links.filter_map(|link| link.to_str().map(str::to_owned)).any(|link| sockets.contains(&link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_socket_is_found_in_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n\
             1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1\n\
             2: 02AAFEA9:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0\n";
        assert_eq!(listening(table, 8080), ["4711"]);
        assert_eq!(listening(table, 8081), Vec::<String>::new());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_found_by_its_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = find(listener.local_addr().unwrap().port()).unwrap();
        assert_eq!(holder.pid, std::process::id());
    }
}
