use serde_json::{Value as Json, json};

use super::*;
use crate::dynamodb::testing::{NOW, ScriptedResponse, condition_failed, store};
use crate::store::StateStore;

fn group() -> RateGroup {
    "okta:acme".parse().unwrap()
}

fn asked() -> ReservationRequest {
    ReservationRequest {
        count: 2,
        interval_ms: 1_000,
        within_ms: 10_000,
        now: NOW,
    }
}

fn cooldown(ms: i64) -> Cooldown {
    Cooldown {
        group: group(),
        not_before: NOW.plus_ms(ms),
        reason: "429".to_owned(),
    }
}

/// The item of the group in the wire format.
fn wire(cooldown: Option<Cooldown>, next_turn: Option<Timestamp>) -> Json {
    let stored = RateItem {
        cooldown,
        next_turn,
        clock: None,
        origin: None,
        group: group(),
    };
    let value = |value: &Json| match value {
        Json::Number(number) => json!({ "N": number.to_string() }),
        text => json!({ "S": text }),
    };
    let attributes = stored.to_attributes();
    let attributes = attributes
        .iter()
        .map(|(name, it)| (name.clone(), value(it)));
    attributes.collect::<serde_json::Map<_, _>>().into()
}

fn found(item: &Json) -> ScriptedResponse {
    ScriptedResponse::Ok(json!({ "Item": item }))
}

fn done() -> ScriptedResponse {
    ScriptedResponse::Ok(json!({}))
}

#[tokio::test]
async fn reservation_is_one_read_and_one_write() {
    let stored = wire(Some(cooldown(-1)), Some(NOW.plus_ms(500)));
    let (store, script, _) = store([found(&stored), done()]);
    let given = store.reserve_requests(&group(), &asked()).await.unwrap();
    let first = NOW.plus_ms(500);
    assert_eq!(given, ReservationResponse::From { first });
    let [(read, what), (write, how)] = &script.asked()[..] else {
        panic!("two requests")
    };
    assert_eq!((read.as_str(), write.as_str()), ("GetItem", "UpdateItem"));
    assert_eq!(what["ConsistentRead"], true);
    assert_eq!(how["UpdateExpression"], "SET #next_turn = :2");
    assert_eq!(
        how["ConditionExpression"],
        "attribute_exists(#pk) AND #not_before = :0 AND #next_turn = :1"
    );
    let next = NOW.plus_ms(2_500).to_string();
    assert_eq!(how["ExpressionAttributeValues"][":2"], json!({ "S": next }));
}

#[tokio::test]
async fn lost_reservation_race_retries_without_reading() {
    let met = wire(None, Some(NOW.plus_ms(2_000)));
    let (store, script, _) = store([done(), condition_failed(&met), done()]);
    let given = store.reserve_requests(&group(), &asked()).await.unwrap();
    let first = NOW.plus_ms(2_000);
    assert_eq!(given, ReservationResponse::From { first });
    assert_eq!(script.operations(), ["GetItem", "UpdateItem", "UpdateItem"]);
}

#[tokio::test]
async fn cooldown_between_read_and_write_grants_nothing() {
    let met = wire(Some(cooldown(60_000)), None);
    let (store, ..) = store([done(), condition_failed(&met)]);
    let given = store.reserve_requests(&group(), &asked()).await;
    assert_eq!(given, Ok(ReservationResponse::Closed(cooldown(60_000))));
}

#[tokio::test]
async fn contended_reservation_gives_up_as_unavailable() {
    let met = wire(None, Some(NOW));
    let tries = usize::try_from(RESERVATION_TRIES_MAX).unwrap();
    let mut responses = vec![found(&met)];
    responses.extend(vec![condition_failed(&met); tries]);
    let (store, script, _) = store(responses);
    let given = store.reserve_requests(&group(), &asked()).await;
    assert!(
        matches!(given, Err(StateError::Unavailable(_))),
        "{given:?}"
    );
    assert_eq!(script.operations().len(), 1 + tries);
}

#[tokio::test]
async fn reservation_without_response_is_unknown() {
    let (store, script, _) = store([done(), ScriptedResponse::HangUp]);
    let given = store.reserve_requests(&group(), &asked()).await;
    assert!(matches!(given, Err(StateError::Unknown(_))), "{given:?}");
    assert_eq!(script.operations().len(), 2);
}

#[tokio::test]
async fn newer_rate_item_is_left_alone() {
    let mut newer = wire(Some(cooldown(-1)), None);
    newer["v"] = json!({ "N": "2" });
    let (store, script, _) = store([found(&newer), condition_failed(&newer)]);
    let taken = store.reserve_requests(&group(), &asked()).await;
    assert!(
        matches!(taken, Err(StateError::Version { .. })),
        "{taken:?}"
    );
    let closed = store.start_cooldown(&cooldown(1), NOW).await;
    assert!(
        matches!(closed, Err(StateError::Version { .. })),
        "{closed:?}"
    );
    assert_eq!(script.operations(), ["GetItem", "UpdateItem"]);
}

#[tokio::test]
async fn cooldown_write_leaves_reservations() {
    let (store, script, _) = store([done()]);
    store.start_cooldown(&cooldown(1), NOW).await.unwrap();
    let (operation, how) = &script.asked()[0];
    assert_eq!(operation, "UpdateItem");
    let change = how["UpdateExpression"].as_str().unwrap();
    assert!(change.contains("#not_before") && !change.contains("#next_turn"));
}
