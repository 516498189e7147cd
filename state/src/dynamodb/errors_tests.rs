use aws_sdk_dynamodb::config::{Credentials, Region};
use aws_sdk_dynamodb::error::ConnectorError;
use serde_json::json;
use windlass_core::window::Window;

use super::*;
use crate::dynamodb::testing::{ScriptedResponse, store, store_with};
use crate::error::MoveError;
use crate::item::Stored;
use crate::store::StateStore;

fn window() -> Window {
    let attributes = include_str!("../../testdata/v1/window_new.json");
    Window::from_attributes("fixture", serde_json::from_str(attributes).unwrap()).unwrap()
}

/// The error of creating a window when DynamoDB returns this error.
async fn refusal(status: u16, name: &'static str, message: &str) -> String {
    let response = ScriptedResponse::Error(status, name, json!({ "message": message }));
    let (store, script, clock) = store([response]);
    let refused = store.create(&window()).await;
    assert_eq!(script.asked().len(), 1, "no try mends it");
    assert_eq!(clock.slept_ms(), 0);
    match refused {
        Err(StateError::Refused(text)) => text,
        other => panic!("{name}: {other:?}"),
    }
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
}

#[tokio::test]
async fn missing_table_error_names_region_and_cure() {
    let text = refusal(
        400,
        "ResourceNotFoundException",
        "Requested resource not found",
    )
    .await;
    let parts = [
        "table audit does not exist in eu-west-1",
        "infra/template.yaml",
        "--state",
        "AWS_REGION",
    ];
    assert_says(&text, &parts);
}

#[tokio::test]
async fn denied_action_is_named_with_table() {
    let message = "User: arn:aws:sts::1:assumed-role/worker is not authorized to perform: \
                   dynamodb:PutItem";
    let text = refusal(400, "AccessDeniedException", message).await;
    assert_says(
        &text,
        &[
            "dynamodb:PutItem on table audit in eu-west-1 was denied",
            message,
        ],
    );
}

#[tokio::test]
async fn expired_or_invalid_credentials_need_renewal() {
    for name in NOT_SIGNED_IN {
        let text = refusal(400, name, "The security token included is expired").await;
        assert_says(&text, &["expired or invalid", name, "renew them"]);
    }
}

#[tokio::test]
async fn too_large_item_is_named() {
    let window = window();
    let message = "Item size has exceeded the maximum allowed size";
    let text = refusal(400, "ValidationException", message).await;
    let from = window.id().from.to_string();
    assert_says(
        &text,
        &["window#google-login#0123456789ab#live", &from, "400 KB"],
    );
}

#[tokio::test]
async fn validation_error_keeps_dynamodb_message() {
    let text = refusal(400, "ValidationException", "Invalid KeyConditionExpression").await;
    assert_says(
        &text,
        &["PutItem of window#", "Invalid KeyConditionExpression"],
    );
    refusal(400, "SomethingNewException", "?").await;
}

#[tokio::test]
async fn missing_credentials_or_region_send_nothing() {
    let keys = Credentials::new("AKIDEXAMPLE", "example", None, None, "test");
    let nobody = aws_sdk_dynamodb::Config::builder().region(Region::new("eu-west-1"));
    let nowhere = aws_sdk_dynamodb::Config::builder().credentials_provider(keys);
    for (builder, hint) in [(nobody, "AWS_PROFILE"), (nowhere, "AWS_REGION")] {
        let (store, script, _) = store_with(builder, []);
        let text = match store.create(&window()).await {
            Err(StateError::Refused(text)) => text,
            other => panic!("{hint}: {other:?}"),
        };
        assert_says(
            &text,
            &["dynamodb:PutItem on table audit was not sent", hint],
        );
        assert!(script.asked().is_empty());
    }
}

/// The verdict on an error before any connection.
fn before_sending(text: &'static str) -> Verdict {
    let connector = ConnectorError::other(text.into(), None);
    let error = SdkError::<GetItemError>::dispatch_failure(connector);
    let (store, ..) = store([]);
    judge(&error, store.table.reading("GetItem", "an item"))
}

#[test]
fn missing_credentials_are_final_late_ones_retriable() {
    let missing = before_sending("an error occurred while loading credentials");
    assert!(
        matches!(missing, Verdict::Final(StateError::Refused(_))),
        "{missing:?}"
    );
    let late = before_sending("credentials provider timed out after 5 seconds");
    assert!(
        matches!(late, Verdict::Final(StateError::Unavailable(_))),
        "{late:?}"
    );
    let other = before_sending("the connection was closed");
    assert!(matches!(other, Verdict::Unwell(_)), "{other:?}");
}

#[tokio::test]
async fn error_length_is_limited() {
    let text = refusal(400, "SomethingNewException", &"x".repeat(100_000)).await;
    assert!(text.chars().count() < 2 * MESSAGE_CHARS_MAX);
}

#[tokio::test]
async fn move_of_missing_window_is_not_found() {
    let response = ScriptedResponse::Error(400, "ConditionalCheckFailedException", json!({}));
    let (store, ..) = store([response]);
    let event = windlass_core::transition::Event::Park {
        reason: "gave up".to_owned(),
        now: window().created_at(),
    };
    let moved = store.decide(&window(), &event).await;
    assert_eq!(moved, Err(MoveError::NotFound(window().id().clone())));
}
