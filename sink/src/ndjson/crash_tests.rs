//! Every point at which a program can stop, reconstructed from the files that it would leave.

use std::fs;
use std::path::{Path, PathBuf};

use windlass_core::window::Window;

use super::tests::{Place, lines_in};
use crate::conformance::{checkpointed, lines, page, reject, restarted, window};
use crate::{Batch, Sink, SinkError, WindowWriter};

/// A page with the lines of `numbers` and one reject.
fn batch(window: &Window, number: u64, numbers: std::ops::Range<u64>) -> Batch {
    let mut batch = page(window, number, numbers);
    batch.rejects = vec![reject(0, format!("reject of page {number}").as_bytes())];
    batch
}

/// Delivers one page of `window` and returns the window after its checkpoint.
async fn delivered(place: &Place, window: &Window, batch: &Batch) -> Window {
    let mut writer = place.sink().open(window).await.unwrap();
    let position = crate::conformance::position(writer.write(batch).await.unwrap());
    checkpointed(window, position)
}

/// Delivers the last page of a window and finishes it.
async fn finished(place: &Place, window: &Window, batch: &Batch) {
    let mut writer = place.sink().open(window).await.unwrap();
    writer.write(batch).await.unwrap();
    writer.finish().await.unwrap();
}

async fn lost(place: &Place, window: &Window) -> String {
    let error = place.sink().open(window).await.unwrap_err();
    assert!(matches!(error, SinkError::Lost { .. }), "{error}");
    error.to_string()
}

fn append(path: &Path, bytes: &[u8]) {
    let mut content = fs::read(path).unwrap();
    content.extend_from_slice(bytes);
    fs::write(path, content).unwrap();
}

/// One change of the directory by `finish` or `open`.
#[derive(Debug, Clone)]
enum Step {
    Rename(PathBuf, PathBuf),
    Cut(PathBuf, u64),
    Remove(PathBuf),
}

fn take(step: &Step) {
    match step {
        Step::Rename(from, to) => fs::rename(from, to).unwrap(),
        Step::Cut(path, len) => {
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(*len)
                .unwrap();
        }
        Step::Remove(path) => fs::remove_file(path).unwrap(),
    }
}

/// A restarted window after its first checkpoint, with its older part still there. Returns the
/// window before the restart and after the checkpoint.
async fn restarted_with_older_part(place: &Place) -> (Window, Window) {
    let first = window("okta");
    delivered(place, &first, &batch(&first, 0, 90..95)).await;
    let again = restarted(&first);
    let at = delivered(place, &again, &batch(&again, 0, 0..3)).await;
    (first, at)
}

/// Continues from `at` with one more page and checks that no trace of the stop remains.
async fn goes_on_to_the_end(place: &Place, at: &Window, stop: &str) {
    finished(place, at, &batch(at, 1, 3..5)).await;
    assert_eq!(lines_in(&place.output(at)), Some(lines(at, 0..5)), "{stop}");
    assert_eq!(lines_in(&place.rejects(at)).unwrap().len(), 2, "{stop}");
    assert_eq!(place.files().len(), 2, "{stop}: {:?}", place.files());
}

#[tokio::test]
async fn interrupted_finish_resumes_from_checkpoint() {
    for taken in 0..=4 {
        let place = Place::new();
        let (first, at) = restarted_with_older_part(&place).await;
        // The last page is written but has no checkpoint when `finish` begins.
        delivered(&place, &at, &batch(&at, 1, 3..5)).await;
        let steps = [
            Step::Rename(place.rejects_part(&at), place.rejects(&at)),
            Step::Rename(place.part(&at), place.output(&at)),
            Step::Remove(place.part(&first)),
            Step::Remove(place.rejects_part(&first)),
        ];
        steps.iter().take(taken).for_each(take);
        goes_on_to_the_end(
            &place,
            &at,
            &format!("stopped after {taken} steps of finish"),
        )
        .await;
    }
}

#[tokio::test]
async fn interrupted_reopen_resumes_from_checkpoint() {
    for taken in 0..=4 {
        let place = Place::new();
        let (_, at) = restarted_with_older_part(&place).await;
        let lines_len = fs::metadata(place.part(&at)).unwrap().len();
        let rejects_len = fs::metadata(place.rejects_part(&at)).unwrap().len();
        finished(&place, &at, &batch(&at, 1, 3..5)).await;
        let steps = [
            Step::Rename(place.output(&at), place.part(&at)),
            Step::Cut(place.part(&at), lines_len),
            Step::Rename(place.rejects(&at), place.rejects_part(&at)),
            Step::Cut(place.rejects_part(&at), rejects_len),
        ];
        steps.iter().take(taken).for_each(take);
        goes_on_to_the_end(&place, &at, &format!("stopped after {taken} steps of open")).await;
    }
}

#[tokio::test]
async fn open_truncates_torn_line() {
    let (place, window) = (Place::new(), window("okta"));
    let at = delivered(&place, &window, &batch(&window, 0, 0..3)).await;
    append(&place.part(&at), b"{\"of\":\"okta\",\"n\":3}\n{\"of\":\"ok");
    append(&place.rejects_part(&at), b"{\"window\":");
    goes_on_to_the_end(&place, &at, "torn").await;
}

#[tokio::test]
async fn truncated_lines_stay_gone() {
    let (place, window) = (Place::new(), window("okta"));
    let at = delivered(&place, &window, &page(&window, 0, 0..3)).await;
    append(&place.part(&at), b"{}\n");
    place
        .sink()
        .open(&at)
        .await
        .unwrap()
        .finish()
        .await
        .unwrap();
    assert_eq!(lines_in(&place.output(&at)), Some(lines(&window, 0..3)));
}

#[tokio::test]
async fn emptied_part_is_removed_at_finish() {
    let (place, window) = (Place::new(), window("okta"));
    delivered(&place, &window, &batch(&window, 0, 0..3)).await;
    finished(&place, &window, &page(&window, 0, 0..0)).await;
    assert_eq!(place.files(), [""; 0]);
}

#[tokio::test]
async fn short_part_restarts_and_is_never_extended() {
    let (place, window) = (Place::new(), window("okta"));
    let at = delivered(&place, &window, &batch(&window, 0, 0..3)).await;
    for (path, name) in [
        (place.part(&at), ".r0.part"),
        (place.rejects_part(&at), ".r0.rejects"),
    ] {
        let whole = fs::read(&path).unwrap();
        let short = &whole[..whole.len() - 1];
        fs::write(&path, short).unwrap();
        let said = lost(&place, &at).await;
        assert!(said.contains(name), "{said}");
        assert_eq!(fs::read(&path).unwrap(), short);
        fs::write(&path, whole).unwrap();
    }
    place.sink().open(&at).await.unwrap();
}

#[tokio::test]
async fn zeroed_part_restarts_window() {
    let (place, window) = (Place::new(), window("okta"));
    let at = delivered(&place, &window, &page(&window, 0, 0..3)).await;
    let len = fs::read(place.part(&at)).unwrap().len();
    fs::write(place.part(&at), vec![0; len]).unwrap();
    lost(&place, &at).await;
}

#[tokio::test]
async fn missing_part_restarts_window() {
    let (place, window) = (Place::new(), window("okta"));
    let at = delivered(&place, &window, &page(&window, 0, 0..3)).await;
    fs::remove_file(place.part(&at)).unwrap();
    lost(&place, &at).await;
    fs::remove_dir_all(place.dir.path().join("okta")).unwrap();
    lost(&place, &at).await;
}

#[tokio::test]
async fn short_final_file_keeps_its_name() {
    let (place, window) = (Place::new(), window("okta"));
    let at = delivered(&place, &window, &page(&window, 0, 0..3)).await;
    fs::remove_file(place.part(&at)).unwrap();
    fs::write(place.output(&at), "{}\n").unwrap();
    lost(&place, &at).await;
    assert_eq!(fs::read_to_string(place.output(&at)).unwrap(), "{}\n");
    assert!(!place.part(&at).exists());
}

#[tokio::test]
async fn part_continues_beside_older_final_file() {
    let (place, first) = (Place::new(), window("okta"));
    // Finished, but never marked done in the state; it had to restart before it was opened again.
    finished(&place, &first, &batch(&first, 0, 90..99)).await;
    let again = restarted(&first);
    let at = delivered(&place, &again, &batch(&again, 0, 0..3)).await;
    drop(place.sink().open(&at).await.unwrap());
    assert_eq!(lines_in(&place.output(&at)), Some(lines(&first, 90..99)));
    goes_on_to_the_end(&place, &at, "older final file").await;
}

#[tokio::test]
async fn repeated_page_drops_earlier_rejects() {
    let (place, window) = (Place::new(), window("okta"));
    let at = delivered(&place, &window, &page(&window, 0, 0..3)).await;
    finished(&place, &at, &batch(&at, 1, 3..5)).await;
    assert!(place.rejects(&at).exists());
    finished(&place, &at, &page(&at, 1, 3..5)).await;
    assert_eq!(lines_in(&place.output(&at)), Some(lines(&window, 0..5)));
    assert!(!place.rejects(&at).exists());
}

#[tokio::test]
async fn interrupted_one_page_window_is_rewritten() {
    let (place, first) = (Place::new(), window("okta"));
    for runs in 1..=2 {
        let window = first.clone().with(|form| form.runs = runs);
        finished(&place, &window, &page(&window, 0, 0..3)).await;
        assert_eq!(lines_in(&place.output(&window)), Some(lines(&first, 0..3)));
    }
}

#[tokio::test]
async fn finish_removes_parts_of_earlier_restarts() {
    let (place, mut window) = (Place::new(), window("okta"));
    for _ in 0..4 {
        delivered(&place, &window, &batch(&window, 0, 90..92)).await;
        window = restarted(&window);
    }
    assert_eq!(place.files().len(), 8);
    finished(&place, &window, &page(&window, 0, 0..2)).await;
    assert_eq!(lines_in(&place.output(&window)), Some(lines(&window, 0..2)));
    assert_eq!(place.files().len(), 1);
}

#[tokio::test]
async fn files_resembling_parts_are_left_alone() {
    let (place, first) = (Place::new(), window("okta"));
    let at = delivered(&place, &restarted(&first), &page(&first, 0, 0..2)).await;
    let strangers = [
        "20260101T030000.000Z-0123456789ab.rX.part",
        "20260101T030000.000Z-0123456789ab.r00.part",
        "20260101T030000.000Z-0123456789ab.r0.part.bak",
        "20260101T030000.000Z-0123456789ab.r7.part",
        "20260101T030000.000Z-ba9876543210.r0.part",
        "20260101T030000.001Z-0123456789ab.r0.part",
    ];
    for stranger in strangers {
        fs::write(place.part(&at).with_file_name(stranger), "x").unwrap();
    }
    place
        .sink()
        .open(&at)
        .await
        .unwrap()
        .finish()
        .await
        .unwrap();
    let files = place.files();
    assert_eq!(files.len(), strangers.len() + 1, "{files:?}");
    assert!(
        strangers
            .iter()
            .all(|stranger| files.iter().any(|file| file == stranger))
    );
}
