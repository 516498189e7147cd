//! The rules for sinks whose destination can take back records. A dropped writer simulates a stop.

use super::{
    TakingBack, checkpointed, delivered, good, lines, opened, page, reject, restarted, window,
};
use crate::{Sink, SinkError, WindowWriter};

pub(super) async fn nothing_is_final_before_finish(destination: &impl TakingBack) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    good(writer.write(&page(&window, 0, 0..3))).await;
    assert_eq!(destination.output(&window), None);
    assert_eq!(destination.in_progress(&window), lines(&window, 0..3));
    good(writer.finish()).await;
    assert_eq!(destination.in_progress(&window), lines(&window, 0..0));
}

pub(super) async fn a_window_without_records_has_no_output(destination: &impl TakingBack) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    let at = delivered(&mut writer, &window, &page(&window, 0, 0..0)).await;
    drop(writer);
    let mut writer = opened(destination, &at).await;
    good(writer.write(&page(&window, 1, 0..0))).await;
    good(writer.finish()).await;
    assert_eq!(destination.output(&window), None);
    assert_eq!(destination.rejects(&window), []);
}

pub(super) async fn acknowledged_lines_survive_a_stop(destination: &impl TakingBack) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    let at = delivered(&mut writer, &window, &page(&window, 0, 0..3)).await;
    drop(writer);
    let mut writer = opened(destination, &at).await;
    assert_eq!(destination.in_progress(&window), lines(&window, 0..3));
    good(writer.write(&page(&window, 1, 3..5))).await;
    good(writer.finish()).await;
    assert_eq!(destination.output(&window), Some(lines(&window, 0..5)));
}

pub(super) async fn lines_after_the_checkpoint_are_gone_after_a_stop(
    destination: &impl TakingBack,
) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    let at = delivered(&mut writer, &window, &page(&window, 0, 0..3)).await;
    for number in 1..3 {
        good(writer.write(&page(&window, number, 90..95))).await;
    }
    drop(writer);
    let mut writer = opened(destination, &at).await;
    assert_eq!(destination.in_progress(&window), lines(&window, 0..3));
    good(writer.write(&page(&window, 1, 3..4))).await;
    good(writer.finish()).await;
    assert_eq!(destination.output(&window), Some(lines(&window, 0..4)));
}

pub(super) async fn pieces_of_a_page_are_gone_after_a_stop_before_its_last(
    destination: &impl TakingBack,
) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    let at = delivered(&mut writer, &window, &page(&window, 0, 0..3)).await;
    let pieces = [3..7, 7..9].map(|numbers| {
        let first = usize::try_from(numbers.start - 3).unwrap_or_default();
        let mut piece = page(&window, 1, numbers);
        piece.first = first;
        piece
    });
    good(writer.write(&pieces[0])).await;
    drop(writer);
    let mut writer = opened(destination, &at).await;
    assert_eq!(destination.in_progress(&window), lines(&window, 0..3));
    for piece in &pieces {
        good(writer.write(piece)).await;
    }
    good(writer.finish()).await;
    assert_eq!(destination.output(&window), Some(lines(&window, 0..9)));
}

pub(super) async fn lines_before_the_first_checkpoint_are_gone_after_a_stop(
    destination: &impl TakingBack,
) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    good(writer.write(&page(&window, 0, 90..99))).await;
    drop(writer);
    let mut writer = opened(destination, &window).await;
    assert_eq!(destination.in_progress(&window), lines(&window, 0..0));
    good(writer.finish()).await;
    assert_eq!(destination.output(&window), None);
}

pub(super) async fn rejects_are_taken_back_like_lines(destination: &impl TakingBack) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    let mut first = page(&window, 0, 0..1);
    first.rejects = vec![reject(1, b"kept")];
    let at = delivered(&mut writer, &window, &first).await;
    let mut second = page(&window, 1, 1..2);
    second.rejects = vec![reject(0, b"taken back")];
    good(writer.write(&second)).await;
    good(writer.finish()).await;
    drop(writer);
    let mut writer = opened(destination, &at).await;
    good(writer.write(&page(&window, 1, 1..2))).await;
    good(writer.finish()).await;
    assert_eq!(destination.rejects(&window), [(0, reject(1, b"kept"))]);
}

/// The program stops after `finish` and before the state marks the window done.
pub(super) async fn a_window_that_was_finished_can_be_continued(destination: &impl TakingBack) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    let at = delivered(&mut writer, &window, &page(&window, 0, 0..3)).await;
    good(writer.write(&page(&window, 1, 3..5))).await;
    good(writer.finish()).await;
    drop(writer);
    let mut writer = opened(destination, &at).await;
    assert_eq!(destination.in_progress(&window), lines(&window, 0..3));
    good(writer.write(&page(&window, 1, 3..6))).await;
    good(writer.finish()).await;
    assert_eq!(destination.output(&window), Some(lines(&window, 0..6)));
}

/// The same, for a window whose only page was never checkpointed.
pub(super) async fn a_window_of_one_page_that_was_finished_can_be_repeated(
    destination: &impl TakingBack,
) {
    let window = window("okta");
    for _ in 0..2 {
        let mut writer = opened(destination, &window).await;
        good(writer.write(&page(&window, 0, 0..4))).await;
        good(writer.finish()).await;
    }
    assert_eq!(destination.output(&window), Some(lines(&window, 0..4)));
}

pub(super) async fn finishing_again_after_a_stop_changes_nothing(destination: &impl TakingBack) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    let mut only = page(&window, 0, 0..4);
    only.rejects = vec![reject(4, b"x")];
    let at = delivered(&mut writer, &window, &only).await;
    good(writer.finish()).await;
    drop(writer);
    for _ in 0..2 {
        good(opened(destination, &at).await.finish()).await;
        assert_eq!(destination.output(&window), Some(lines(&window, 0..4)));
        assert_eq!(destination.rejects(&window), [(0, reject(4, b"x"))]);
    }
}

pub(super) async fn a_restart_replaces_the_output_only_when_it_finishes(
    destination: &impl TakingBack,
) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    let mut older = page(&window, 0, 0..5);
    older.rejects = vec![reject(5, b"older")];
    good(writer.write(&older)).await;
    good(writer.finish()).await;
    drop(writer);

    let again = restarted(&window);
    let mut writer = opened(destination, &again).await;
    let at = delivered(&mut writer, &again, &page(&again, 0, 0..2)).await;
    drop(writer);
    assert_eq!(destination.output(&window), Some(lines(&window, 0..5)));
    assert_eq!(destination.rejects(&window), [(0, reject(5, b"older"))]);

    let mut writer = opened(destination, &at).await;
    good(writer.write(&page(&again, 1, 2..3))).await;
    good(writer.finish()).await;
    assert_eq!(destination.output(&window), Some(lines(&window, 0..3)));
    assert_eq!(destination.rejects(&window), []);
}

pub(super) async fn a_restart_keeps_the_older_pass_until_it_finishes(
    destination: &impl TakingBack,
) {
    let older = window("okta");
    let mut writer = opened(destination, &older).await;
    good(writer.write(&page(&older, 0, 0..5))).await;
    drop(writer);
    let newer = restarted(&older);
    let mut writer = opened(destination, &newer).await;
    good(writer.write(&page(&newer, 0, 0..2))).await;
    assert_eq!(destination.in_progress(&older), lines(&older, 0..5));
    assert_eq!(destination.in_progress(&newer), lines(&newer, 0..2));
    good(writer.finish()).await;
    assert_eq!(destination.in_progress(&older), lines(&older, 0..0));
    assert_eq!(destination.output(&newer), Some(lines(&newer, 0..2)));
}

pub(super) async fn a_restart_that_finds_nothing_leaves_no_output(destination: &impl TakingBack) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    good(writer.write(&page(&window, 0, 0..5))).await;
    good(writer.finish()).await;
    drop(writer);
    let again = restarted(&window);
    let mut writer = opened(destination, &again).await;
    assert_eq!(destination.output(&window), Some(lines(&window, 0..5)));
    good(writer.write(&page(&again, 0, 0..0))).await;
    good(writer.finish()).await;
    assert_eq!(destination.output(&window), None);
}

pub(super) async fn what_was_lost_is_said_and_a_restart_recovers(destination: &impl TakingBack) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    let at = delivered(&mut writer, &window, &page(&window, 0, 0..5)).await;
    drop(writer);
    destination.lose(&at);
    let error = destination
        .sink()
        .open(&at)
        .await
        .err()
        .expect("its earlier data is gone");
    assert!(matches!(error, SinkError::Lost { .. }), "{error}");

    let again = restarted(&at);
    let mut writer = opened(destination, &again).await;
    good(writer.write(&page(&again, 1, 0..6))).await;
    good(writer.finish()).await;
    assert_eq!(destination.output(&window), Some(lines(&window, 0..6)));
}

pub(super) async fn a_position_it_never_gave_is_lost(destination: &impl TakingBack) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    let at = delivered(&mut writer, &window, &page(&window, 0, 0..5)).await;
    drop(writer);
    let of_another_pass = checkpointed(&restarted(&at), at.sink_position().map(str::to_owned));
    let foreign = checkpointed(&window, Some("49590338271490256608559692538361".to_owned()));
    for window in [of_another_pass, foreign] {
        let error = destination
            .sink()
            .open(&window)
            .await
            .err()
            .expect("not a place to continue");
        assert!(matches!(error, SinkError::Lost { .. }), "{error}");
    }
    assert_eq!(destination.in_progress(&window), lines(&window, 0..5));
}
