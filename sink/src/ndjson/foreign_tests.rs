//! Output that another state remembers.

use std::fs;

use super::tests::Place;
use super::*;
use crate::conformance::{page, window};

#[tokio::test]
async fn the_output_of_a_pull_with_another_state_is_refused_and_stays() {
    let place = Place::new();
    let earlier = window("okta");
    let mut writer = place.sink().open(&earlier).await.unwrap();
    writer.write(&page(&earlier, 0, 0..3)).await.unwrap();
    writer.finish().await.unwrap();
    let delivered = fs::read(place.output(&earlier)).unwrap();
    let first_run = Window {
        runs: 1,
        ..earlier.clone()
    };
    let refused = place.sink().open(&first_run).await.unwrap_err();
    assert!(matches!(refused, SinkError::Refused { .. }), "{refused}");
    assert!(
        refused.to_string().contains("is from an earlier pull"),
        "{refused}"
    );
    assert_eq!(fs::read(place.output(&earlier)).unwrap(), delivered);
}

#[tokio::test]
async fn a_window_of_one_page_that_stopped_before_it_was_done_is_written_again() {
    let place = Place::new();
    let first_run = Window {
        runs: 1,
        ..window("okta")
    };
    let mut writer = place.sink().open(&first_run).await.unwrap();
    writer.write(&page(&first_run, 0, 0..3)).await.unwrap();
    writer.finish().await.unwrap();
    let second_run = Window {
        runs: 2,
        ..first_run
    };
    let mut writer = place.sink().open(&second_run).await.unwrap();
    writer.write(&page(&second_run, 0, 0..3)).await.unwrap();
    writer.finish().await.unwrap();
    let delivered = fs::read_to_string(place.output(&second_run)).unwrap();
    assert_eq!(delivered.lines().count(), 3);
}
