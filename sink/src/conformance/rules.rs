//! The rules for every sink.

use super::{Destination, delivered, good, lines, opened, page, reject, window};
use crate::WindowWriter;

pub(super) async fn lines_keep_their_order(destination: &impl Destination) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    for (number, numbers) in [(0, 0..3), (1, 3..4), (2, 4..9)] {
        good(writer.write(&page(&window, number, numbers))).await;
    }
    good(writer.finish()).await;
    assert_eq!(destination.output(&window), Some(lines(&window, 0..9)));
    assert_eq!(destination.rejects(&window), []);
}

pub(super) async fn pages_without_anything_are_acknowledged(destination: &impl Destination) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    for (number, numbers) in [(0, 0..0), (1, 0..2), (2, 2..2)] {
        good(writer.write(&page(&window, number, numbers))).await;
    }
    good(writer.finish()).await;
    assert_eq!(destination.output(&window), Some(lines(&window, 0..2)));
}

pub(super) async fn rejects_keep_their_place_reason_and_bytes(destination: &impl Destination) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    let rejects = [
        reject(0, b"[1, \"two\\n\"]"),
        reject(3, b"not utf-8: \xff\xfe\x00"),
        reject(4, b""),
    ];
    let mut first = page(&window, 0, 0..2);
    first.rejects = rejects.to_vec();
    good(writer.write(&first)).await;
    let mut second = page(&window, 1, 2..2);
    second.rejects = vec![reject(0, b"{\"line\nbreak\": 1}")];
    good(writer.write(&second)).await;
    good(writer.finish()).await;

    let first = rejects.map(|reject| (0, reject));
    let expected: Vec<_> = first
        .into_iter()
        .chain([(1, reject(0, b"{\"line\nbreak\": 1}"))])
        .collect();
    assert_eq!(destination.rejects(&window), expected);
    assert_eq!(destination.output(&window), Some(lines(&window, 0..2)));
}

pub(super) async fn finishing_twice_changes_nothing(destination: &impl Destination) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    good(writer.write(&page(&window, 0, 0..3))).await;
    good(writer.finish()).await;
    good(writer.finish()).await;
    assert_eq!(destination.output(&window), Some(lines(&window, 0..3)));
}

pub(super) async fn windows_never_mix(destination: &impl Destination) {
    let (one, other) = (window("okta"), window("slack"));
    let mut first = opened(destination, &one).await;
    let mut second = opened(destination, &other).await;
    let mut at = (one.clone(), other.clone());
    for number in 0..3 {
        let numbers = number * 2..number * 2 + 2;
        at.0 = delivered(&mut first, &at.0, &page(&one, number, numbers.clone())).await;
        at.1 = delivered(&mut second, &at.1, &page(&other, number, numbers)).await;
    }
    good(second.finish()).await;
    good(first.finish()).await;
    assert_eq!(destination.output(&one), Some(lines(&one, 0..6)));
    assert_eq!(destination.output(&other), Some(lines(&other, 0..6)));
}

pub(super) async fn the_pieces_of_a_page_are_all_delivered(destination: &impl Destination) {
    let window = window("okta");
    let mut writer = opened(destination, &window).await;
    let rejects: Vec<_> = (0..3).map(|place| reject(place * 10, b"[]")).collect();
    for (piece, reject) in (0..).zip(&rejects) {
        let numbers = piece * 4..piece * 4 + 4;
        let mut batch = page(&window, 0, numbers);
        batch.first = reject.index;
        batch.rejects = vec![reject.clone()];
        good(writer.write(&batch)).await;
    }
    good(writer.finish()).await;
    assert_eq!(destination.output(&window), Some(lines(&window, 0..12)));
    let expected: Vec<_> = rejects.into_iter().map(|reject| (0, reject)).collect();
    assert_eq!(destination.rejects(&window), expected);
}
