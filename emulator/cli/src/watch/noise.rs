//! What makes no builds, whatever a `.dockerignore` says: the folders of version control, and what editors write on the way.

/// Folders of version control.
const VERSION_CONTROL: [&str; 5] = [".git", ".hg", ".svn", ".jj", ".bzr"];

/// Whether files and folders of that name are passed over.
pub(crate) fn is_noise(name: &str) -> bool {
    VERSION_CONTROL.contains(&name) || is_temporary(name)
}

/// Vim's swap files and the `4913` by which it tries a folder out, Emacs's locks and copies, backups, what GNOME, KDE and JetBrains write before
/// they rename it, what macOS leaves in folders.
fn is_temporary(name: &str) -> bool {
    let swap = |name: &str| {
        let (_, extension) = name.rsplit_once('.').unwrap_or_default();
        name.starts_with('.') && extension.len() == 3 && extension.starts_with("sw") && extension.ends_with(|last: char| ('g'..='z').contains(&last))
    };
    let emacs = name.starts_with(".#") || (name.len() > 2 && name.starts_with('#') && name.ends_with('#'));
    let renamed =
        name.starts_with(".goutputstream-") || name.ends_with(".kate-swp") || name.ends_with("___jb_tmp___") || name.ends_with("___jb_old___");
    swap(name) || emacs || renamed || name.ends_with('~') || name == "4913" || name == ".DS_Store"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_and_git_write_is_noise_and_nothing_else() {
        let noise = [
            ".git",
            ".hg",
            ".server.js.swp",
            ".server.js.swx",
            ".a.swo",
            "server.js~",
            "4913",
            ".#server.js",
            "#server.js#",
            ".goutputstream-AB12CD",
            ".server.js.kate-swp",
            "server.js___jb_tmp___",
            "server.js___jb_old___",
            ".DS_Store",
        ];
        for name in noise {
            assert!(is_noise(name), "{name}");
        }
        for name in ["server.js", ".gitignore", ".env", "a.swf", "module.swift", ".swallow", "#", "##", "491", "swp", ".dockerignore", "a.swp.js"] {
            assert!(!is_noise(name), "{name}");
        }
    }
}
