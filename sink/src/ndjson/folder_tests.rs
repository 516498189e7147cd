use super::*;

const FILE: &str =
    "okta/live/2026-01-01/20260101T030000.000Z_20260101T040000.000Z-0123456789ab.ndjson";

fn state(id: u128, run: u64) -> Ownership {
    Ownership {
        state: StateId::from_random(id),
        run,
    }
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

fn nothing(_: &SourceName, _: &Generation) -> bool {
    false
}

#[test]
fn empty_folder_is_claimed_and_its_owner_comes_back() {
    let (_dir, folder) = folder();
    for run in 1..=3 {
        let stored = state(1, run - 1);
        assert_eq!(folder.check(&stored, nothing), Ok(()));
        folder.mark(&state(1, run)).unwrap();
        assert_eq!(folder.owner(), Ok(Some(state(1, run))));
    }
}

#[test]
fn folder_of_another_state_is_refused_every_time_and_not_changed() {
    let (dir, folder) = folder();
    let file = deliver(dir.path());
    folder.mark(&state(1, 4)).unwrap();
    for run in 0..10 {
        let refused = folder.check(&state(2, run), |_, _| true).unwrap_err();
        assert!(matches!(refused, ClaimError::Foreign { .. }), "{refused}");
    }
    assert_eq!(folder.owner(), Ok(Some(state(1, 4))));
    assert_eq!(fs::read_to_string(file).unwrap(), "{}\n");
}

#[test]
fn older_copy_of_the_owner_is_refused_every_time() {
    let (_dir, folder) = folder();
    folder.mark(&state(1, 4)).unwrap();
    for _ in 0..10 {
        let refused = folder.check(&state(1, 3), nothing).unwrap_err();
        let (run, known) = (4, 3);
        let dir = folder.dir().to_owned();
        assert_eq!(refused, ClaimError::Outdated { dir, run, known });
    }
    // A run that stopped before it marked the folder.
    assert_eq!(folder.check(&state(1, 5), nothing), Ok(()));
}

#[test]
fn folder_without_owner_is_claimed_only_if_the_state_knows_its_files() {
    let (dir, folder) = folder();
    deliver(dir.path());
    fs::write(dir.path().join("lost+found"), "").unwrap();
    let refused = folder.check(&state(1, 0), nothing).unwrap_err();
    let (files, sources) = (1, 1);
    let dir = dir.path().to_owned();
    let unknown = ClaimError::Unknown {
        dir,
        files,
        sources,
    };
    assert_eq!(refused, unknown);
    let knows = |source: &SourceName, generation: &Generation| {
        source.as_str() == "okta" && generation.as_str() == "0123456789ab"
    };
    assert_eq!(folder.check(&state(1, 0), knows), Ok(()));
}

#[test]
fn second_process_is_refused_until_the_first_lets_go() {
    let (dir, folder) = folder();
    let busy = Folder::take("lake", dir.path(), Readers::Owner).unwrap_err();
    assert!(matches!(busy, ClaimError::Busy { .. }), "{busy}");
    drop(folder);
    assert!(Folder::take("lake", dir.path(), Readers::Owner).is_ok());
}

#[test]
fn marker_that_cannot_be_read_is_refused() {
    let (dir, folder) = folder();
    for text in ["", "state 1 run 1\n", "\0\0\0"] {
        fs::write(dir.path().join(MARKER), text).unwrap();
        let refused = folder.check(&state(1, 0), nothing).unwrap_err();
        assert!(refused.to_string().contains(MARKER), "{refused}");
    }
}

#[cfg(unix)]
#[test]
fn planted_links_are_neither_followed_nor_written_through() {
    use std::os::unix::fs::symlink;
    let (dir, folder) = folder();
    let victim = dir.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    for name in [MARKER_NEW, MARKER] {
        symlink(&victim, dir.path().join(name)).unwrap();
    }
    assert!(folder.owner().is_err());
    folder.mark(&state(1, 1)).unwrap();
    assert_eq!(folder.owner(), Ok(Some(state(1, 1))));
    fs::hard_link(&victim, dir.path().join(MARKER_NEW)).unwrap();
    folder.mark(&state(1, 2)).unwrap();
    drop(folder);
    fs::remove_file(dir.path().join(LOCK)).unwrap();
    symlink(&victim, dir.path().join(LOCK)).unwrap();
    assert!(Folder::take("lake", dir.path(), Readers::Owner).is_err());
    assert_eq!(fs::read_to_string(victim).unwrap(), "precious");
}
