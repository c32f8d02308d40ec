//! `ecr ls` and `ecr images`.

use wire::ecr::{ImageDetail, RepositoryBody};
use wire::local::Seconds;

use super::age;
use crate::print::table::{Table, cell};

/// One row a repository.
pub(crate) fn repositories(repositories: &[RepositoryBody], now: Seconds) -> Table {
    let mut table = Table::new(&["REPOSITORY", "URI", "TAGS", "MADE"]).giving_way(&["MADE", "TAGS"]);
    for repository in repositories {
        table.row(vec![
            cell(&repository.repository_name),
            cell(&repository.repository_uri),
            cell(&repository.image_tag_mutability),
            cell(format!("{} ago", age(now - repository.created_at))),
        ]);
    }
    table
}

/// One row an image.
pub(crate) fn images(images: &[ImageDetail], now: Seconds) -> Table {
    let mut table = Table::new(&["REPOSITORY", "TAGS", "DIGEST", "SIZE", "PUSHED", "PULLED"]).giving_way(&["PULLED", "PUSHED", "SIZE"]);
    for image in images {
        table.row(vec![
            cell(&image.repository_name),
            cell(image.image_tags.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")),
            cell(image.image_digest.get(..19).unwrap_or(&image.image_digest)),
            cell(size(image.image_size_in_bytes)),
            cell(format!("{} ago", age(now - image.image_pushed_at))),
            cell(image.last_recorded_pull_time.map_or_else(String::new, |at| format!("{} ago", age(now - at)))),
        ]);
    }
    table
}

/// `12 B`, `3.4 kB`, `5.6 MB`: in powers of ten, as Docker writes sizes.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => {
            let tenths = bytes / (unit / 10);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::color::Palette;

    #[test]
    fn images_are_listed() {
        let image = |tags: &[&str], bytes, pulled: Option<Seconds>| ImageDetail {
            registry_id: "000000000000".into(),
            repository_name: "users".into(),
            image_digest: format!("sha256:{}", "ab".repeat(32)),
            image_size_in_bytes: bytes,
            image_pushed_at: 10.0,
            image_manifest_media_type: "m".into(),
            image_status: "ACTIVE".into(),
            image_tags: (!tags.is_empty()).then(|| tags.iter().map(|tag| (*tag).to_owned()).collect()),
            artifact_media_type: None,
            last_recorded_pull_time: pulled,
            subject_manifest_digest: None,
        };
        let all = [image(&["latest", "v1"], 38_600_000, Some(70.0)), image(&[], 12, None)];
        insta::assert_snapshot!(images(&all, 100.0).render(Palette::plain(), None), @r"
        REPOSITORY  TAGS        DIGEST               SIZE     PUSHED  PULLED
        users       latest, v1  sha256:abababababab  38.6 MB  1m ago  30s ago
        users       -           sha256:abababababab  12 B     1m ago  -
        ");
        assert_eq!((size(999), size(1000), size(1_550_000_000)), ("999 B".into(), "1.0 kB".into(), "1.5 GB".into()));
    }
}
