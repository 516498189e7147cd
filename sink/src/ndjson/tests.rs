//! The contract, the layout and errors. `crash_tests` covers the recovery after each stop.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::Reject;
use crate::conformance::{
    self, Destination, TakingBack, checkpointed, lines, page, reject, restarted, window,
};
use windlass_core::checkpoint::Cursor;

/// A directory of its own, observed from outside.
pub(super) struct Place {
    pub(super) dir: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn sink(&self) -> NdjsonSink {
        NdjsonSink::new(
            "lake".to_owned(),
            self.dir.path().to_owned(),
            Readers::Owner,
        )
        .unwrap()
    }

    fn layout(&self, window: &Window) -> Layout {
        Layout::new(self.dir.path(), window.id(), window.to())
    }

    pub(super) fn output(&self, window: &Window) -> PathBuf {
        self.layout(window).output(Kind::Lines)
    }

    pub(super) fn rejects(&self, window: &Window) -> PathBuf {
        self.layout(window).output(Kind::Rejects)
    }

    pub(super) fn part(&self, window: &Window) -> PathBuf {
        self.layout(window).part(Kind::Lines, window.restarts())
    }

    pub(super) fn rejects_part(&self, window: &Window) -> PathBuf {
        self.layout(window).part(Kind::Rejects, window.restarts())
    }

    /// The names of all files at any depth.
    pub(super) fn files(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut open = vec![self.dir.path().to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    names.push(path.file_name().unwrap().to_string_lossy().into_owned());
                }
            }
        }
        names.sort();
        names
    }
}

pub(super) fn lines_in(path: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(path).ok()?;
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "{text:?} ends inside a line"
    );
    Some(text.lines().map(str::to_owned).collect())
}

fn parse_reject(line: &str) -> (u64, Reject) {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    let raw = match (value["raw"].as_str(), value["raw_hex"].as_str()) {
        (Some(raw), None) => Bytes::copy_from_slice(raw.as_bytes()),
        (None, Some(hex)) => (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect(),
        _ => panic!("{line} has neither raw nor raw_hex, or both"),
    };
    let index = usize::try_from(value["index"].as_u64().unwrap()).unwrap();
    let reason = value["reason"].as_str().unwrap().to_owned();
    (
        value["page"].as_u64().unwrap(),
        Reject { index, reason, raw },
    )
}

impl Destination for Place {
    type Sink = NdjsonSink;

    fn sink(&self) -> NdjsonSink {
        self.sink()
    }

    fn output(&self, window: &Window) -> Option<Vec<String>> {
        lines_in(&self.output(window))
    }

    fn rejects(&self, window: &Window) -> Vec<(u64, Reject)> {
        let lines = lines_in(&self.rejects(window)).unwrap_or_default();
        lines.iter().map(|line| parse_reject(line)).collect()
    }
}

impl TakingBack for Place {
    fn in_progress(&self, window: &Window) -> Vec<String> {
        lines_in(&self.part(window)).unwrap_or_default()
    }

    fn lose(&self, window: &Window) {
        let file = File::options().write(true).open(self.part(window)).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    }
}

#[tokio::test]
async fn files_keep_sink_contract() {
    conformance::keeps_the_contract(Place::new).await;
}

#[tokio::test]
async fn files_truncate_unacknowledged_lines() {
    conformance::takes_back(Place::new).await;
}

#[tokio::test]
async fn finished_window_is_one_file_with_rejects_beside() {
    let (place, window) = (Place::new(), window("okta"));
    let sink = place.sink();
    let mut writer = sink.open(&window).await.unwrap();
    let mut batch = page(&window, 0, 0..2);
    batch.rejects = vec![reject(2, b"x")];
    writer.write(&batch).await.unwrap();
    assert_eq!(
        place.files(),
        [
            "20260101T030000.000Z-0123456789ab.r0.part",
            "20260101T030000.000Z-0123456789ab.r0.rejects.part"
        ]
    );
    writer.finish().await.unwrap();
    assert_eq!(
        place.files(),
        [
            "20260101T030000.000Z_20260101T040000.000Z-0123456789ab.ndjson",
            "20260101T030000.000Z_20260101T040000.000Z-0123456789ab.rejects.jsonl"
        ]
    );
    let directory = place.dir.path().join("okta/live/2026-01-01");
    assert_eq!(
        sink.output_path(&window).parent(),
        Some(directory.as_path())
    );
    assert_eq!(
        lines_in(&sink.output_path(&window)),
        Some(lines(&window, 0..2))
    );
    assert_eq!(lines_in(&sink.rejects_path(&window)).unwrap().len(), 1);
}

#[tokio::test]
async fn position_counts_bytes_of_lines_and_rejects() {
    let (place, window) = (Place::new(), window("okta"));
    let mut writer = place.sink().open(&window).await.unwrap();
    let empty = conformance::position(writer.write(&page(&window, 0, 0..0)).await.unwrap());
    assert_eq!(empty.as_deref(), Some("r0:0:0"));
    let mut batch = page(&window, 1, 0..2);
    batch.rejects = vec![reject(2, b"x")];
    let position = conformance::position(writer.write(&batch).await.unwrap());
    let rejects = fs::metadata(place.rejects_part(&window)).unwrap().len();
    assert_eq!(
        position,
        Some(format!("r0:{}:{rejects}", batch.lines.len()))
    );
}

#[tokio::test]
async fn empty_window_leaves_no_file() {
    let (place, window) = (Place::new(), window("okta"));
    let mut writer = place.sink().open(&window).await.unwrap();
    writer.write(&page(&window, 0, 0..0)).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(fs::read_dir(place.dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn window_of_only_rejects_has_only_rejects_file() {
    let (place, window) = (Place::new(), window("okta"));
    let mut writer = place.sink().open(&window).await.unwrap();
    let mut batch = page(&window, 0, 0..0);
    batch.rejects = vec![reject(0, b"[]")];
    writer.write(&batch).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(
        place.files(),
        ["20260101T030000.000Z_20260101T040000.000Z-0123456789ab.rejects.jsonl"]
    );
}

#[test]
fn sink_directory_is_created_with_parents() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("a/b/out");
    for _ in 0..2 {
        NdjsonSink::new("lake".to_owned(), dir.clone(), Readers::Owner).unwrap();
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    }
}

#[test]
fn file_as_sink_directory_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("out");
    fs::write(&file, "precious").unwrap();
    for dir in [file.clone(), file.join("below")] {
        let error = NdjsonSink::new("lake".to_owned(), dir.clone(), Readers::Owner).unwrap_err();
        assert!(matches!(error, SinkError::Unusable { .. }), "{error}");
        let said = error.to_string();
        assert!(
            said.contains("`lake`") && said.contains(dir.to_str().unwrap()),
            "{said}"
        );
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "precious");
}

#[tokio::test]
async fn foreign_entry_at_part_path_is_refused() {
    let (place, okta, slack) = (Place::new(), window("okta"), window("slack"));
    fs::write(
        place.dir.path().join("okta"),
        "a file where a directory belongs",
    )
    .unwrap();
    fs::create_dir_all(place.part(&slack)).unwrap();
    for window in [okta, slack] {
        let error = place.sink().open(&window).await.unwrap_err();
        assert!(matches!(error, SinkError::Unusable { .. }), "{error}");
    }
}

#[tokio::test]
async fn window_begun_without_positions_restarts() {
    let place = Place::new();
    let begun = checkpointed(&window("okta"), None).with(|form| {
        form.set_cursor(Some(Cursor {
            token: "page-2".to_owned(),
            request: "request".to_owned(),
        }));
    });
    let error = place.sink().open(&begun).await.unwrap_err();
    assert!(matches!(error, SinkError::Lost { .. }), "{error}");
    let again = restarted(&begun).with(|form| form.set_cursor(None));
    place.sink().open(&again).await.unwrap();
}

#[tokio::test]
async fn part_excludes_second_writer() {
    let (place, window) = (Place::new(), window("okta"));
    let mut first = place.sink().open(&window).await.unwrap();
    let mut early = place.sink().open(&window).await.unwrap();
    let position = first.write(&page(&window, 0, 0..3)).await.unwrap();

    let at = checkpointed(&window, conformance::position(position));
    for late in [&window, &at] {
        let error = place.sink().open(late).await.unwrap_err();
        assert!(matches!(error, SinkError::Unavailable { .. }), "{error}");
    }
    drop(first);

    // Opened before there was a part: it would begin in the middle of the first writer's lines.
    let error = early.write(&page(&window, 0, 90..99)).await.unwrap_err();
    assert!(matches!(error, SinkError::Unavailable { .. }), "{error}");
    assert_eq!(place.in_progress(&window), lines(&window, 0..3));
    assert!(place.sink().open(&at).await.is_ok());
}

#[tokio::test]
async fn finished_writer_accepts_no_page() {
    let (place, window) = (Place::new(), window("okta"));
    let mut writer = place.sink().open(&window).await.unwrap();
    writer.write(&page(&window, 0, 0..1)).await.unwrap();
    writer.finish().await.unwrap();
    assert!(writer.write(&page(&window, 1, 1..2)).await.is_err());
    assert_eq!(lines_in(&place.output(&window)), Some(lines(&window, 0..1)));
}

#[test]
fn dropped_call_makes_writer_unusable() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (place, window) = (Place::new(), window("okta"));
        let mut writer = place.sink().open(&window).await.unwrap();
        // The only blocking thread is occupied, so the write cannot complete yet.
        let (free, busy) = mpsc::channel::<()>();
        let occupied = tokio::task::spawn_blocking(move || busy.recv());
        let batch = page(&window, 0, 0..3);
        tokio::select! {
            biased;
            _ = writer.write(&batch) => panic!("nothing could have written it"),
            () = std::future::ready(()) => {}
        }
        free.send(()).unwrap();
        occupied.await.unwrap().unwrap();
        let error = writer.write(&batch).await.unwrap_err();
        assert!(matches!(error, SinkError::Unavailable { .. }), "{error}");

        // The background write of the dropped call is taken back like any other.
        let mut writer = place.sink().open(&window).await.unwrap();
        writer.write(&page(&window, 0, 0..1)).await.unwrap();
        writer.finish().await.unwrap();
        assert_eq!(lines_in(&place.output(&window)), Some(lines(&window, 0..1)));
    });
}
