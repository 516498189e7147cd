//! Files that another program changes, plants or reads.

use std::fs::{self, File};
use std::path::Path;

use super::tests::{Place, lines_in};
use super::*;
use crate::conformance::{TakingBack, checkpointed, lines, page, reject, restarted, window};

/// Truncates a part like a log rotation program does.
fn truncate(path: &Path) {
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(0)
        .unwrap();
}

#[tokio::test]
async fn externally_truncated_part_is_lost() {
    let (place, window) = (Place::new(), window("okta"));
    let part = place.part(&window);
    let mut writer = place.sink().open(&window).await.unwrap();
    writer.write(&page(&window, 0, 0..3)).await.unwrap();
    truncate(&part);
    let error = writer.write(&page(&window, 1, 3..5)).await.unwrap_err();
    assert!(matches!(error, SinkError::Lost { .. }), "{error}");
    assert!(
        error.to_string().contains(part.to_str().unwrap()),
        "{error}"
    );
    for _ in 0..2 {
        let error = writer.write(&page(&window, 1, 3..5)).await.unwrap_err();
        assert!(matches!(error, SinkError::Unavailable { .. }), "{error}");
        let error = writer.finish().await.unwrap_err();
        assert!(matches!(error, SinkError::Unavailable { .. }), "{error}");
    }
    let window = restarted(&window);
    let mut writer = place.sink().open(&window).await.unwrap();
    writer.write(&page(&window, 2, 0..5)).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(lines_in(&place.output(&window)), Some(lines(&window, 0..5)));
    assert_eq!(place.files().len(), 1);
}

#[tokio::test]
async fn externally_changed_part_never_becomes_final() {
    type Change = fn(&Path);
    let grow: Change = |part| {
        let mut file = File::options().append(true).open(part).unwrap();
        std::io::Write::write_all(&mut file, b"{}\n").unwrap();
    };
    let replace: Change = |part| {
        let bytes = fs::read(part).unwrap();
        fs::rename(part, part.with_extension("1")).unwrap();
        fs::write(part, bytes).unwrap();
    };
    let remove: Change = |part| fs::remove_file(part).unwrap();
    for change in [truncate as Change, grow, replace, remove] {
        let (place, window) = (Place::new(), window("okta"));
        let mut writer = place.sink().open(&window).await.unwrap();
        writer.write(&page(&window, 0, 0..3)).await.unwrap();
        change(&place.part(&window));
        let error = writer.finish().await.unwrap_err();
        assert!(matches!(error, SinkError::Lost { .. }), "{error}");
        assert!(!place.output(&window).exists());
    }
}

#[tokio::test]
async fn page_with_unwritable_rejects_is_not_acknowledged() {
    let (place, window) = (Place::new(), window("okta"));
    let mut writer = place.sink().open(&window).await.unwrap();
    let position =
        crate::conformance::position(writer.write(&page(&window, 0, 0..1)).await.unwrap());
    fs::create_dir_all(place.rejects_part(&window)).unwrap();
    let mut batch = page(&window, 1, 1..2);
    batch.rejects = vec![reject(0, b"x")];
    writer.write(&batch).await.unwrap_err();
    fs::remove_dir(place.rejects_part(&window)).unwrap();
    let at = checkpointed(&window, position);
    place.sink().open(&at).await.unwrap();
    assert_eq!(place.in_progress(&window), lines(&window, 0..1));
}

#[cfg(unix)]
#[tokio::test]
async fn hard_link_snapshot_stays_unchanged() {
    let (place, window) = (Place::new(), window("okta"));
    let mut writer = place.sink().open(&window).await.unwrap();
    let written = writer.write(&page(&window, 0, 0..1)).await.unwrap();
    let at = checkpointed(&window, crate::conformance::position(written));
    drop(writer);
    let snapshot = place.dir.path().join("snapshot");
    fs::hard_link(place.part(&window), &snapshot).unwrap();
    let before = fs::read(&snapshot).unwrap();
    let mut writer = place.sink().open(&at).await.unwrap();
    writer.write(&page(&window, 1, 1..2)).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(fs::read(&snapshot).unwrap(), before);
    assert_eq!(
        fs::read_to_string(place.output(&window))
            .unwrap()
            .lines()
            .count(),
        2
    );
}

#[cfg(unix)]
#[tokio::test]
async fn planted_links_leave_their_targets_unchanged() {
    use std::os::unix::fs::symlink;
    let hard_link: fn(&Path, &Path) -> std::io::Result<()> = |from, to| fs::hard_link(from, to);
    for link in [hard_link, |from, to| symlink(from, to)] {
        let (place, window) = (Place::new(), window("okta"));
        let victim = place.dir.path().join("victim");
        fs::write(&victim, "precious\n").unwrap();
        link(&victim, &place.dir.path().join(PROBE)).unwrap();
        let sink = place.sink();
        let part = place.part(&window);
        fs::create_dir_all(part.parent().unwrap()).unwrap();
        link(&victim, &part).unwrap();
        match sink.open(&window).await {
            // A part with a second name becomes a file of its own.
            Ok(_) => assert!(fs::read_to_string(&part).unwrap().is_empty()),
            Err(error) => assert!(matches!(error, SinkError::Unusable { .. }), "{error}"),
        }
        fs::remove_file(&part).unwrap();
        // A planted link in place of a finished file is neither taken back nor written through.
        link(&victim, &place.output(&window)).unwrap();
        let at = checkpointed(&window, Some("r0:9:0".to_owned()));
        let error = sink.open(&at).await.unwrap_err();
        assert!(matches!(error, SinkError::Unusable { .. }), "{error}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious\n");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_private_unless_configured() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for (readers, others) in [(Readers::Owner, 0), (Readers::Everyone, 0o055)] {
        let (place, window) = (Place::new(), window("okta"));
        let dir = place.dir.path().join("out");
        let sink = NdjsonSink::new("lake".to_owned(), dir.clone(), readers).unwrap();
        let mut writer = sink.open(&window).await.unwrap();
        writer.write(&page(&window, 0, 0..1)).await.unwrap();
        writer.finish().await.unwrap();
        let file = sink.output_path(&window);
        // The umask of the process may restrict the permissions of others.
        for path in [dir.as_path(), file.parent().unwrap(), &file] {
            assert_eq!(mode(path) & 0o077 & !others, 0, "{}", path.display());
        }
        assert_eq!((mode(&dir) & 0o700, mode(&file) & 0o700), (0o700, 0o600));
    }
}

#[tokio::test]
async fn finish_removes_final_file_from_before_split() {
    let (place, window) = (Place::new(), window("okta"));
    let mut writer = place.sink().open(&window).await.unwrap();
    writer.write(&page(&window, 0, 0..3)).await.unwrap();
    writer.finish().await.unwrap();
    let middle = window.span().midpoint(1).unwrap();
    let half = window.clone().with(|form| {
        form.to = middle;
        form.runs = 2;
    });
    let mut writer = place.sink().open(&half).await.unwrap();
    writer.write(&page(&half, 1, 0..2)).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(lines_in(&place.output(&half)), Some(lines(&half, 0..2)));
    assert_eq!(place.files().len(), 1);
}
