//! The manifest, `cluster.yaml`: text to the cluster that it asks for, or to everything that is wrong with it.
//!
//! **Lives here:** parsing with places, variables and `.env`, includes, merging of several files, the tables of every key that a
//! manifest may have, what AWS would refuse and in which words, the JSON Schema.
//!
//! **Does not live here:** files (the caller reads them, through [`Source`]), the network, the engine, AWS's wire formats (room `wire`).
//!
//! **In order:** text -> tree (`parse`) -> variables, includes, one spelling, one tree (`load`) -> shapes against the tables (`check`)
//! -> values (`read`) -> references. A file with a syntax error does not keep the others from being checked.
//!
//! **Invariants:** a [`Manifest`] is given exactly when there is no problem; every problem of all files is reported at once, each at a
//! place that is inside its file; a key either acts, or is named in a [`Note`], or is refused.
//!
//! **Entry points:** [`read()`], [`schema()`].

mod check;
mod environment;
mod files;
mod interpolate;
mod keys;
mod load;
mod merge;
mod node;
mod normalise;
mod parse;
mod problem;
mod read;
mod references;
mod render;
mod schema;
mod shape;
mod suggest;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::Desired;

pub use problem::{Note, Place, Problem, Problems, Severity};

/// Where texts come from, so that this room reads no files and tests need none.
pub trait Source {
    /// The whole text of the file at an absolute path: a manifest, an include, the `.env` beside the first manifest, or a certificate
    /// or key that a listener names.
    ///
    /// # Errors
    /// A sentence for a person saying why it cannot be read.
    fn read(&self, path: &Path) -> Result<String, String>;
}

/// What to read.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The manifests, as the user named them; later ones are laid over earlier ones.
    pub files: &'a [PathBuf],
    /// The process's environment; it wins over `.env`.
    pub environment: &'a BTreeMap<String, String>,
    /// Reads files.
    pub source: &'a dyn Source,
    /// The working directory, absolute; relative paths of `files` begin there.
    pub directory: &'a Path,
}

/// A manifest without problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// What it asks for.
    pub desired: Desired,
    /// What is worth knowing: keys that are accepted and do nothing here, things that are used by nothing. Each once.
    pub notes: Vec<Note>,
}

/// Reads the files of a request.
///
/// # Errors
/// Every problem of every file, sorted by file and position.
pub fn read(request: &Request<'_>) -> Result<Manifest, Problems> {
    let load::Loaded { files, mut report, tree, complete } = load::load(request);
    report.partial = !complete;
    let mut desired = None;
    if let Some(tree) = &tree {
        report.hide(read::secret::spans(tree));
        check::check(shape::Shape::Object(&keys::MANIFEST), "", tree, &mut report);
        if tree.is_map() {
            desired = read::desired(tree, &mut read::Reader { files: &files, source: request.source, report: &mut report });
            if complete {
                references::check(tree, &mut report);
            }
        }
    }
    match desired {
        Some(desired) if report.is_clean() => Ok(Manifest { desired, notes: report.into_notes(&files) }),
        _ => {
            if report.is_clean() {
                report.file_problem(0, "this cannot be read").hint("this is a mistake of ecslocal's own; please report it with this file");
            }
            let cluster = tree.as_ref().and_then(|tree| tree.text_of("cluster")).and_then(|name| name.parse().ok());
            Err(Problems { cluster, ..report.problems(&files) })
        }
    }
}

/// The JSON Schema (draft 2020-12) of a manifest, pretty, for editors; `cluster.schema.json` holds it.
#[must_use]
pub fn schema() -> String {
    schema::schema()
}
