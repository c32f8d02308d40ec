//! Overlays as files of the state folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::PutFile;
use model::{ContainerName, ServiceKey, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Key, Overlay};
use crate::store;

#[derive(Serialize, Deserialize)]
struct Written {
    service: ServiceKey,
    container: ContainerName,
    image_id: String,
    dropped: bool,
    files: Vec<WrittenFile>,
}

#[derive(Serialize, Deserialize)]
struct WrittenFile {
    path: String,
    mode: u32,
    modified: Timestamp,
    /// In base64.
    content: String,
}

/// Where one is kept: names obey rules that make them names of files, and of an image's id the letters and digits suffice.
fn path_of(folder: &Path, key: &Key) -> PathBuf {
    let image: String = key.image_id.chars().filter(char::is_ascii_alphanumeric).collect();
    let of_service = folder.join(key.service.cluster.as_str()).join(key.service.name.as_str());
    of_service.join(key.container.as_str()).join(format!("{image}.json"))
}

/// Whole or not at all.
pub(super) fn write(folder: &Path, key: &Key, overlay: &Overlay) -> io::Result<()> {
    let file =
        |file: &PutFile| WrittenFile { path: file.path.clone(), mode: file.mode, modified: file.modified, content: STANDARD.encode(&file.content) };
    let written = Written {
        service: key.service.clone(),
        container: key.container.clone(),
        image_id: key.image_id.clone(),
        dropped: overlay.dropped,
        files: overlay.files.values().map(file).collect(),
    };
    let path = path_of(folder, key);
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    store::replace(&path, &serde_json::to_vec(&written)?, false)
}

/// With the folders that are empty then.
pub(super) fn remove(folder: &Path, key: &Key) -> io::Result<()> {
    let path = path_of(folder, key);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // One that is not empty stays, and so do those above it.
    path.ancestors().skip(1).take(3).try_for_each(fs::remove_dir).ok();
    Ok(())
}

pub(super) fn read_all(folder: &Path) -> BTreeMap<Key, Overlay> {
    let mut all = BTreeMap::new();
    for file in files_below(folder, 4) {
        match read(&file) {
            Ok((key, overlay)) => drop(all.insert(key, overlay)),
            Err(why) => tracing::warn!(file = %file.display(), why, "synced files cannot be read; new containers are without them until a build"),
        }
    }
    all
}

fn files_below(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    if depth == 1 {
        return entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    }
    entries.flat_map(|path| files_below(&path, depth - 1)).collect()
}

fn read(path: &Path) -> Result<(Key, Overlay), String> {
    let text = fs::read(path).map_err(|error| error.to_string())?;
    let written: Written = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let mut files = BTreeMap::new();
    for file in written.files {
        let content = STANDARD.decode(&file.content).map_err(|error| error.to_string())?.into();
        files.insert(file.path.clone(), PutFile { path: file.path, mode: file.mode, modified: file.modified, content });
    }
    let key = Key { service: written.service, container: written.container, image_id: written.image_id };
    Ok((key, Overlay { files, dropped: written.dropped }))
}
