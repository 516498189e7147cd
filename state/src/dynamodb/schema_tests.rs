use serde_json::json;

use super::*;
use crate::dynamodb::testing::{ScriptedResponse, condition_failed, store};

fn schema(v: &str, shards: &[&str]) -> serde_json::Value {
    json!({ "pk": {"S": "table"}, "sk": {"S": "schema"}, "v": {"N": v}, "shards": {"NS": shards} })
}

fn shard(number: u8) -> Shard {
    number.try_into().unwrap()
}

#[tokio::test]
async fn empty_table_has_no_shards() {
    let (store, script, _) = store([ScriptedResponse::Ok(json!({}))]);
    assert_eq!(store.check().await, Ok(()));
    let (operation, asked) = &script.asked()[0];
    assert_eq!(operation, "GetItem");
    assert_eq!(
        asked["Key"],
        json!({ "pk": {"S": "table"}, "sk": {"S": "schema"} })
    );
    assert_eq!(asked["ConsistentRead"], false, "half the price");
}

#[tokio::test]
async fn shards_are_listed_ascending() {
    let item = schema("1", &["9", "10", "63", "0"]);
    let (store, ..) = store([ScriptedResponse::Ok(json!({ "Item": item }))]);
    let expected = [0, 9, 10, 63].map(shard).to_vec();
    assert_eq!(
        store.table.shards(Consistency::Eventual).await,
        Ok(expected)
    );
}

#[tokio::test]
async fn other_table_version_is_unsupported() {
    let newer = StateError::Version {
        found: 2,
        supported: 1,
    };
    let item = schema("2", &["9"]);
    let responses = [
        ScriptedResponse::Ok(json!({ "Item": item })),
        condition_failed(&item),
    ];
    let (store, ..) = store(responses);
    assert_eq!(store.check().await, Err(newer.clone()));
    assert_eq!(store.table.use_shard(shard(9)).await, Err(newer));
}

#[tokio::test]
async fn malformed_schema_is_corrupt() {
    for item in [
        json!({ "pk": {"S": "table"} }),
        json!({ "v": {"S": "1"} }),
        schema("1", &["64"]),
        schema("1", &["-1"]),
        schema("1", &["1.5"]),
        json!({ "v": {"N": "1"}, "shards": {"S": "all"} }),
    ] {
        let (store, ..) = store([ScriptedResponse::Ok(json!({ "Item": item }))]);
        let checked = store.check().await;
        assert!(
            matches!(&checked, Err(StateError::Corrupt { key, .. }) if key == "table schema"),
            "{checked:?}"
        );
    }
}
