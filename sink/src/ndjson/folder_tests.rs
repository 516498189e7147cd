use windlass_core::ids::MarkId;
use windlass_core::ownership::FolderTaken;

use super::*;

const FILE: &str =
    "okta/live/2026-01-01/20260101T030000.000Z_20260101T040000.000Z-0123456789ab.ndjson";

fn marker(state: u128, mark: u128) -> Marker {
    Marker {
        state: StateId::from_random(state),
        run: 4,
        mark: MarkId::from_random(mark),
    }
}

/// The state that has left this mark in `folder`.
fn state(id: u128, folder: &Folder, mark: Option<u128>) -> Ownership {
    let fresh = Ownership {
        state: StateId::from_random(id),
        run: 3,
        folders: Vec::new(),
    };
    let Some(mark) = mark else { return fresh };
    let taken = FolderTaken {
        place: folder.place(),
        found: None,
        next: MarkId::from_random(mark),
    };
    let taken = std::slice::from_ref(&taken);
    fresh.begin(0, taken).marked(taken)
}

fn folder() -> (tempfile::TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::take("lake", dir.path(), Readers::Owner).unwrap();
    (dir, folder)
}

fn deliver(dir: &Path) -> PathBuf {
    let path = dir.join(FILE);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "{}\n").unwrap();
    path
}

#[test]
fn owner_reclaims_its_folder() {
    let (_dir, folder) = folder();
    assert_eq!(folder.check(&state(1, &folder, None)), Ok(()));
    for mark in 1..=3 {
        folder.mark(&marker(1, mark)).unwrap();
        assert_eq!(folder.check(&state(1, &folder, Some(mark))), Ok(()));
        assert_eq!(folder.owner(), Ok(Some(marker(1, mark))));
    }
}

#[test]
fn foreign_folder_is_refused_and_unchanged() {
    let (dir, folder) = folder();
    let file = deliver(dir.path());
    folder.mark(&marker(1, 4)).unwrap();
    for _ in 0..10 {
        let refused = folder.check(&state(2, &folder, Some(4))).unwrap_err();
        assert!(matches!(refused, ClaimError::Foreign { .. }), "{refused}");
    }
    assert_eq!(folder.owner(), Ok(Some(marker(1, 4))));
    assert_eq!(fs::read_to_string(file).unwrap(), "{}\n");
}

#[test]
fn older_copy_of_owner_is_refused() {
    let (_dir, folder) = folder();
    folder.mark(&marker(1, 5)).unwrap();
    for _ in 0..10 {
        let refused = folder.check(&state(1, &folder, Some(4))).unwrap_err();
        let (dir, run) = (folder.dir().to_owned(), 4);
        assert_eq!(refused, ClaimError::Diverged { dir, run });
    }
}

#[test]
fn folder_without_marker_is_refused_to_owner() {
    let (_dir, folder) = folder();
    let refused = folder.check(&state(1, &folder, Some(4))).unwrap_err();
    let dir = folder.dir().to_owned();
    assert_eq!(refused, ClaimError::Emptied { dir });
}

#[test]
fn unowned_folder_is_claimed_only_without_deliveries() {
    let (dir, folder) = folder();
    fs::write(dir.path().join("lost+found"), "").unwrap();
    assert_eq!(folder.check(&state(1, &folder, None)), Ok(()));
    deliver(dir.path());
    let refused = folder.check(&state(1, &folder, None)).unwrap_err();
    let (files, sources) = (1, 1);
    let dir = dir.path().to_owned();
    let unknown = ClaimError::Unknown {
        dir,
        files,
        sources,
    };
    assert_eq!(refused, unknown);
}

#[test]
fn folder_lock_excludes_second_process() {
    let (dir, folder) = folder();
    let busy = Folder::take("lake", dir.path(), Readers::Owner).unwrap_err();
    assert!(matches!(busy, ClaimError::Busy { .. }), "{busy}");
    drop(folder);
    assert!(Folder::take("lake", dir.path(), Readers::Owner).is_ok());
}

#[test]
fn unreadable_marker_is_refused() {
    let (dir, folder) = folder();
    for text in [&b""[..], b"state 1 run 1\n", b"\0\0\0", b"\xff\xfe"] {
        fs::write(dir.path().join(MARKER), text).unwrap();
        let refused = folder.check(&state(1, &folder, None)).unwrap_err();
        let is_unusable = matches!(refused, ClaimError::Sink(SinkError::Unusable { .. }));
        assert!(is_unusable, "{refused}");
        let said = refused.to_string();
        for part in [MARKER, "sink `lake`", "windlass adopt"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

#[cfg(unix)]
#[test]
fn marker_links_are_never_followed() {
    use std::os::unix::fs::symlink;
    let (dir, folder) = folder();
    let victim = dir.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    for name in [MARKER_NEW, MARKER] {
        symlink(&victim, dir.path().join(name)).unwrap();
    }
    assert!(folder.owner().is_err());
    folder.mark(&marker(1, 1)).unwrap();
    assert_eq!(folder.owner(), Ok(Some(marker(1, 1))));
    fs::hard_link(&victim, dir.path().join(MARKER_NEW)).unwrap();
    folder.mark(&marker(1, 2)).unwrap();
    drop(folder);
    fs::remove_file(dir.path().join(LOCK)).unwrap();
    symlink(&victim, dir.path().join(LOCK)).unwrap();
    assert!(Folder::take("lake", dir.path(), Readers::Owner).is_err());
    assert_eq!(fs::read_to_string(victim).unwrap(), "precious");
}

#[test]
fn damaged_file_is_truncated_or_set_aside() {
    let (dir, folder) = folder();
    let find = || folder.files().unwrap().next().unwrap().unwrap();
    let path = deliver(dir.path());
    fs::write(&path, "{}\n{").unwrap();
    folder.keep_beginning(&find(), 3).unwrap();
    let kept = find();
    assert_eq!((kept.bytes, path.exists()), (3, false));
    assert_eq!(kept.name.unwrap().stage, Stage::Output { to: None });
    fs::remove_file(kept.path).unwrap();
    for aside in [".damaged", ".damaged-1"] {
        deliver(dir.path());
        let mut files = folder.files().unwrap().map(Result::unwrap);
        let file = files.find(|file| file.name.is_some()).unwrap();
        folder.set_aside(&file).unwrap();
        assert!(!path.exists());
        assert!(dir.path().join(format!("{FILE}{aside}")).exists());
    }
}
