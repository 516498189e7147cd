use std::collections::BTreeSet;

use super::*;

fn write(fd: i32, offset: u64, bytes: &[u8]) -> Operation {
    Operation::Write {
        fd,
        offset,
        bytes: bytes.to_vec(),
    }
}

fn open(fd: i32, path: &str) -> Operation {
    Operation::Open {
        fd,
        path: path.into(),
        truncates: false,
    }
}

fn rename(from: &str, to: &str) -> Operation {
    Operation::Rename {
        from: from.into(),
        to: to.into(),
    }
}

/// The possible contents after a loss after `operations`, one text for each distinct disk.
fn losses(operations: &[Operation]) -> BTreeSet<String> {
    let left = (0..500).map(|seed| {
        let mut disk = Disk::new(&Tree::default());
        for operation in operations {
            disk.apply(operation.clone()).unwrap();
        }
        let files = disk.after_loss(seed).0.into_iter();
        let files = files.filter_map(|(path, entry)| match entry {
            Entry::Directory => None,
            Entry::File(bytes) => Some(format!(
                "{}={:?} ",
                path.display(),
                String::from_utf8_lossy(&bytes)
            )),
        });
        files.collect::<String>()
    });
    left.collect()
}

#[test]
fn synced_bytes_under_synced_name_survive() {
    let synced = [
        open(3, "a"),
        write(3, 0, b"abc"),
        Operation::Sync { fd: 3 },
        open(4, ""),
        Operation::Sync { fd: 4 },
    ];
    assert_eq!(losses(&synced), BTreeSet::from(["a=\"abc\" ".to_owned()]));
}

#[test]
fn unsynced_bytes_are_kept_dropped_torn_or_zeroed() {
    let mut unsynced = vec![open(3, "a"), open(4, ""), Operation::Sync { fd: 4 }];
    unsynced.push(write(3, 0, b"abc"));
    let left = losses(&unsynced);
    for expected in ["abc", "", "a", "ab", "\\0\\0\\0"] {
        let expected = format!("a=\"{expected}\" ");
        assert!(left.contains(&expected), "{expected} not in {left:?}");
    }
}

#[test]
fn later_write_can_survive_without_earlier() {
    let mut unsynced = vec![open(3, "a"), open(4, ""), Operation::Sync { fd: 4 }];
    unsynced.extend([write(3, 0, b"x"), write(3, 1, b"y")]);
    let left = losses(&unsynced);
    assert!(left.contains("a=\"\\0y\" "), "{left:?}");
    assert!(left.contains("a=\"x\" "), "{left:?}");
}

#[test]
fn unsynced_rename_loses_no_file() {
    let renamed = [
        open(3, "a"),
        write(3, 0, b"x"),
        Operation::Sync { fd: 3 },
        open(4, ""),
        Operation::Sync { fd: 4 },
        rename("a", "b"),
    ];
    let both = ["a=\"x\" ", "b=\"x\" "].map(str::to_owned);
    assert_eq!(losses(&renamed), BTreeSet::from(both));
}

#[test]
fn name_in_unsynced_folder_can_vanish() {
    let created = [open(3, "a"), write(3, 0, b"x"), Operation::Sync { fd: 3 }];
    assert!(losses(&created).contains(""));
}

#[test]
fn rename_into_another_folder_is_rejected() {
    let mut disk = Disk::new(&Tree::default());
    disk.apply(Operation::MakeDirectory("d".into())).unwrap();
    disk.apply(open(3, "a")).unwrap();
    assert!(disk.apply(rename("a", "d/a")).is_err());
}
