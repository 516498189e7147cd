use serde_json::{Value as Json, json};
use windlass_core::Progress;
use windlass_core::moves::Decision;
use windlass_core::time::MINUTE_MS;
use windlass_core::transition::Event;

use super::*;
use crate::dynamodb::testing::{NOW, ScriptedResponse, store};
use crate::error::StateError;
use crate::store::StateStore;

/// A window of ten minutes that waits for its split in two, with marks of version 3.
fn halves() -> (Shard, WindowSplit) {
    let attributes = include_str!("../../testdata/v1/window_new.json");
    let seen = Window::from_attributes("fixture", serde_json::from_str(attributes).unwrap());
    let mut seen = seen.unwrap();
    let at = seen.id().from.plus_ms(MINUTE_MS);
    assert!(at < seen.to());
    seen.edit(|form| form.split_at = Some(at));
    let part = Window::new(seen.id().clone(), seen.to(), NOW).unwrap();
    let part = part.with(|form| form.from = at);
    let attributes = include_str!("../../testdata/v1/progress.json");
    let marks = Progress::from_attributes("fixture", serde_json::from_str(attributes).unwrap());
    let marks = Progress {
        version: 3,
        ..marks.unwrap()
    };
    let event = Event::Shrink { to: at, now: NOW };
    let split = WindowSplit {
        parent: Decision { seen, event },
        parts: vec![part],
        marks,
    };
    (
        "okta:acme"
            .parse::<windlass_core::RateGroup>()
            .unwrap()
            .shard(),
        split,
    )
}

fn cancelled(reasons: &[&str]) -> ScriptedResponse {
    let reasons: Vec<_> = reasons.iter().map(|code| json!({ "Code": code })).collect();
    let fields = json!({
        "message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": reasons,
    });
    ScriptedResponse::Error(400, "TransactionCanceledException", fields)
}

fn condition(action: &Json) -> &str {
    let action = action.as_object().unwrap().values().next().unwrap();
    action["ConditionExpression"].as_str().unwrap()
}

#[tokio::test]
async fn split_transaction_conditions_every_item() {
    let (store, script, _) = store([ScriptedResponse::Ok(json!({}))]);
    let (shard, split) = halves();
    let kept = store.split(shard, &split).await.unwrap();
    assert_eq!(kept.to(), split.parts[0].id().from);
    let (operation, asked) = &script.asked()[0];
    assert_eq!(operation, "TransactWriteItems");
    let actions = asked["TransactItems"].as_array().unwrap();
    assert_eq!(actions.len(), split.items());
    let conditions: Vec<_> = actions.iter().map(condition).collect();
    let expected = [
        "#version = :0",
        "#epoch = :0 AND #status = :1",
        "attribute_not_exists(#pk)",
    ];
    assert_eq!(conditions, expected);
    let update = &actions[1]["Update"];
    let change = update["UpdateExpression"].as_str().unwrap();
    assert!(change.contains("REMOVE #split_at"), "{change}");
    assert_eq!(actions[0]["Put"]["Item"]["version"], json!({ "N": "4" }));
}

#[tokio::test]
async fn transaction_conflict_is_retried_after_wait() {
    let conflict = || cancelled(&["None", "TransactionConflict", "None"]);
    let (store, script, clock) = store([conflict(), conflict(), ScriptedResponse::Ok(json!({}))]);
    let (shard, split) = halves();
    store.split(shard, &split).await.unwrap();
    assert_eq!(script.operations(), ["TransactWriteItems"; 3]);
    assert!(clock.slept_ms() > 0);
}

#[tokio::test]
async fn persistent_transaction_conflict_is_unavailable() {
    let conflict = || cancelled(&["TransactionConflict", "None", "None"]);
    let (store, ..) = store(std::iter::repeat_with(conflict).take(7));
    let (shard, split) = halves();
    let failed = store.split(shard, &split).await;
    let unavailable = SplitError::Store(StateError::Unavailable(
        "DynamoDB throttled the request: TransactionCanceledException: Transaction cancelled, \
         please refer cancellation reasons for specific reasons"
            .to_owned(),
    ));
    assert_eq!(failed, Err(unavailable));
}

#[tokio::test]
async fn failed_split_condition_is_not_retried() {
    for place in 0..3 {
        let mut reasons = ["None"; 3];
        reasons[place] = "ConditionalCheckFailed";
        let (store, script, _) = store([cancelled(&reasons)]);
        let (shard, split) = halves();
        let refused = store.split(shard, &split).await;
        assert!(
            matches!(refused, Err(SplitError::Conflict(_))),
            "{refused:?}"
        );
        assert_eq!(script.asked().len(), 1);
    }
}

#[tokio::test]
async fn split_without_response_is_unknown() {
    let (store, script, _) = store([ScriptedResponse::HangUp]);
    let (shard, split) = halves();
    let unknown = store.split(shard, &split).await;
    let is_unknown = matches!(unknown, Err(SplitError::Store(StateError::Unknown(_))));
    assert!(is_unknown, "{unknown:?}");
    assert_eq!(script.asked().len(), 1);
}
