//! The harness's own requirements: the emulator runs, and capacity is counted as AWS counts it.

use anyhow::ensure;
use serde_json::{Value, json};
use windlass_tests::aws::calls::Calls;
use windlass_tests::aws::emulator::Emulator;
use windlass_tests::aws::refusals::{Refusal, Refusals};
use windlass_tests::aws::state_proxy::{StateFault, StateFaults, StateProxy, Units};

/// A table of its own behind a proxy of its own.
struct Table {
    proxy: StateProxy,
    calls: Calls,
    refusals: Refusals,
    name: &'static str,
}

impl Table {
    async fn new(name: &'static str) -> anyhow::Result<Self> {
        let emulator = Emulator::shared().await?;
        let attribute = |name| json!({"AttributeName": name, "AttributeType": "S"});
        let key = |name, kind| json!({"AttributeName": name, "KeyType": kind});
        let table = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [attribute("pk"), attribute("sk")],
            "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
        });
        emulator
            .call("DynamoDB_20120810.CreateTable", &table)
            .await?;
        let (calls, refusals) = (Calls::default(), Refusals::default());
        let proxy = StateProxy::start(emulator.address(), calls.clone(), refusals.clone()).await?;
        Ok(Self {
            proxy,
            calls,
            refusals,
            name,
        })
    }

    async fn call(&self, operation: &str, body: &Value) -> anyhow::Result<Value> {
        let mut body = body.clone();
        body["TableName"] = json!(self.name);
        self.proxy
            .call(&format!("DynamoDB_20120810.{operation}"), &body)
            .await
    }

    /// The consumed capacity of one call.
    async fn units(&self, operation: &str, body: &Value) -> anyhow::Result<Units> {
        self.proxy.take_consumed();
        let response = self.call(operation, body).await;
        if let Err(error) = &response {
            ensure!(
                error.to_string().contains("ConditionalCheckFailed"),
                "{error:#}"
            );
        }
        Ok(self.proxy.take_consumed())
    }
}

fn item(sk: &str, bytes: usize) -> Value {
    json!({"pk": {"S": "p"}, "sk": {"S": sk}, "x": {"S": "x".repeat(bytes)}})
}

#[tokio::test]
async fn capacity_is_counted_as_in_dynamodb() -> anyhow::Result<()> {
    let table = Table::new("capacity").await?;
    let key = |sk: &str| json!({"pk": {"S": "p"}, "sk": {"S": sk}});
    let set = |value: &str, condition: &str| {
        json!({
            "Key": key("a"), "UpdateExpression": "SET y = :y", "ConditionExpression": condition,
            "ExpressionAttributeValues": {":y": {"S": value}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        })
    };
    let query = json!({
        "KeyConditionExpression": "pk = :p", "ConsistentRead": true,
        "ExpressionAttributeValues": {":p": {"S": "p"}},
    });
    let mut filtered = query.clone();
    filtered["FilterExpression"] = json!("y = :y");
    filtered["ExpressionAttributeValues"][":y"] = json!({"S": "no such"});
    let get = |sk: &str, consistent: bool| json!({"Key": key(sk), "ConsistentRead": consistent});
    for (operation, body, write, read) in [
        ("PutItem", json!({"Item": item("a", 1_500)}), 2.0, 0.0),
        // The larger of the sizes before and after, however little changes.
        ("UpdateItem", set("v", "attribute_exists(pk)"), 2.0, 0.0),
        ("UpdateItem", set("w", "attribute_not_exists(pk)"), 2.0, 0.0),
        ("PutItem", json!({"Item": item("b", 6_000)}), 6.0, 0.0),
        ("GetItem", get("b", true), 0.0, 2.0),
        ("GetItem", get("b", false), 0.0, 1.0),
        ("GetItem", get("none", true), 0.0, 1.0),
        ("Query", query, 0.0, 2.0),
        ("Query", filtered, 0.0, 2.0),
    ] {
        let units = table.units(operation, &body).await?;
        ensure!(
            units == Units { write, read },
            "{operation} {body}: {units:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn faults_strike_before_or_after_write() -> anyhow::Result<()> {
    let table = Table::new("trouble").await?;
    for (fault, applied) in [
        (StateFault::Throttled, false),
        (StateFault::Conflict, false),
        (StateFault::Internal, false),
        (StateFault::LostResponse, true),
    ] {
        let sk = format!("{fault:?}");
        table
            .proxy
            .set_faults(StateFaults::new(1, 100, &[fault]).latency_ms(1..=2));
        let put = table.call("PutItem", &json!({"Item": item(&sk, 10)})).await;
        ensure!(put.is_err(), "{fault:?} did not strike");
        table.proxy.set_faults(StateFaults::none());
        let get = json!({"Key": {"pk": {"S": "p"}, "sk": {"S": sk}}});
        let found = table.call("GetItem", &get).await?.get("Item").is_some();
        ensure!(found == applied, "{fault:?}: found {found}");
    }
    Ok(())
}

#[tokio::test]
async fn calls_are_recorded_and_denied_by_action() -> anyhow::Result<()> {
    let table = Table::new("refusals").await?;
    table
        .refusals
        .refuse("dynamodb:PutItem", Refusal::AccessDenied);
    let put = table.call("PutItem", &json!({"Item": item("a", 10)})).await;
    let said = put.expect_err("it was to be refused").to_string();
    ensure!(
        said.contains(
            "dynamodb:PutItem on resource: arn:aws:dynamodb:us-east-1:000000000000:table/refusals"
        ),
        "{said}"
    );
    let calls = table.calls.all();
    ensure!(
        calls.len() == 1 && calls[0].on == "table/refusals",
        "{calls:?}"
    );
    Ok(())
}

#[tokio::test]
async fn emulator_ends_with_its_owner() -> anyhow::Result<()> {
    let emulator =
        Emulator::start(windlass_tests::aws::emulator::EmulatorSettings::default()).await?;
    let shared = Emulator::shared().await?;
    ensure!(
        emulator.address() != shared.address(),
        "it is the shared one"
    );
    let address = emulator.address();
    drop(emulator);
    ensure!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "it still answers"
    );
    Ok(())
}
