//! The state table as seen from a console, read without any code of the store.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use windlass_core::time::Timestamp;

use super::emulator::Emulator;

/// A table in the emulator.
#[derive(Debug, Clone)]
pub struct Table {
    emulator: &'static Emulator,
    name: String,
}

/// One item: its attributes as plain JSON.
pub type Item = BTreeMap<String, Value>;

impl Table {
    /// Creates a table like the template's: two text keys, billed by request.
    pub async fn create(emulator: &'static Emulator, name: &str) -> anyhow::Result<Self> {
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
        Ok(Self {
            emulator,
            name: name.to_owned(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every item whose partition key begins with `prefix`, by key.
    pub async fn items(&self, prefix: &str) -> anyhow::Result<Vec<Item>> {
        let mut items = Vec::new();
        let mut scan = json!({"TableName": self.name, "ConsistentRead": true});
        loop {
            let page = self.emulator.call("DynamoDB_20120810.Scan", &scan).await?;
            for item in page["Items"].as_array().context("a scan without items")? {
                let item = plain_item(item)?;
                if text(&item, "pk")?.starts_with(prefix) {
                    items.push(item);
                }
            }
            match page.get("LastEvaluatedKey") {
                Some(last) => scan["ExclusiveStartKey"] = last.clone(),
                None => break,
            }
        }
        items.sort_by_key(|item| (item["pk"].to_string(), item["sk"].to_string()));
        Ok(items)
    }

    /// Replaces one number of an item, as an operator could in a console.
    pub async fn set_number(&self, item: &Item, name: &str, value: i64) -> anyhow::Result<()> {
        self.set(item, name, &json!({"N": value.to_string()})).await
    }

    async fn set(&self, item: &Item, name: &str, value: &Value) -> anyhow::Result<()> {
        let update = json!({
            "TableName": self.name,
            "Key": {"pk": {"S": text(item, "pk")?}, "sk": {"S": text(item, "sk")?}},
            "UpdateExpression": "SET #name = :value",
            "ExpressionAttributeNames": {"#name": name},
            "ExpressionAttributeValues": {":value": value},
        });
        self.emulator
            .call("DynamoDB_20120810.UpdateItem", &update)
            .await?;
        Ok(())
    }

    /// Simulates that `ms` milliseconds have passed: moves leases, cooldowns, request reservations
    /// and probes in the table closer by that time. Only while no worker holds a window: its lease
    /// would appear to be taken away.
    pub async fn let_time_pass(&self, ms: i64) -> anyhow::Result<()> {
        for item in self.items("").await? {
            for name in [
                "lease_until",
                "dispatched_until",
                "not_before",
                "next_turn",
                "probe_at",
            ] {
                let until = item.get(name).and_then(Value::as_str);
                if let Some(until) = until {
                    let until: Timestamp = until.parse().context("an instant")?;
                    let sooner = json!({"S": until.minus_ms(ms).to_string()});
                    self.set(&item, name, &sooner).await?;
                }
            }
        }
        Ok(())
    }

    /// Every window, by source and start.
    pub async fn windows(&self) -> anyhow::Result<Vec<WindowRow>> {
        let items = self.items("window#").await?;
        items.iter().map(WindowRow::read).collect()
    }

    /// Every window of the live lane.
    pub async fn live_windows(&self) -> anyhow::Result<Vec<WindowRow>> {
        let mut windows = self.windows().await?;
        windows.retain(|row| row.lane == "live");
        Ok(windows)
    }

    /// All texts of the table, to search for secrets.
    pub async fn dump(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(&self.items("").await?)?)
    }
}

/// A window in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowRow {
    /// Name of the source.
    pub source: String,
    /// Its lane.
    pub lane: String,
    /// Start of its span.
    pub from: Timestamp,
    /// End of its span.
    pub to: Timestamp,
    /// `ready`, `dispatched`, `running`, `done` or `parked`.
    pub status: String,
    /// Number of changes of ownership.
    pub epoch: u64,
    /// Number of durable pages.
    pub page: u64,
    /// Number of delivered records.
    pub records: u64,
    /// Claims since the last page.
    pub attempts: u64,
    /// Total number of claims.
    pub runs: u64,
    /// The last error; `None` without one.
    pub last_error: Option<String>,
}

impl WindowRow {
    fn read(item: &Item) -> anyhow::Result<Self> {
        let number = |name| item.get(name).and_then(Value::as_u64);
        let number = |name| number(name).with_context(|| format!("a window without {name}"));
        let last_error = item.get("last_error").and_then(Value::as_str);
        Ok(Self {
            source: text(item, "source")?.to_owned(),
            lane: text(item, "lane")?.to_owned(),
            from: text(item, "from")?.parse()?,
            to: text(item, "to")?.parse()?,
            status: text(item, "status")?.to_owned(),
            epoch: number("epoch")?,
            page: number("page")?,
            records: number("records")?,
            // Zero is not stored.
            attempts: item.get("attempts").and_then(Value::as_u64).unwrap_or(0),
            runs: number("runs")?,
            last_error: last_error.map(str::to_owned),
        })
    }
}

/// A required text attribute.
pub fn text<'a>(item: &'a Item, name: &str) -> anyhow::Result<&'a str> {
    let value = item.get(name).and_then(Value::as_str);
    value.with_context(|| format!("an item without the text {name}: {item:?}"))
}

fn plain_item(item: &Value) -> anyhow::Result<Item> {
    let fields = item.as_object().context("an item that is no object")?;
    let plain = |(name, value): (&String, &Value)| Ok((name.clone(), plain(value)?));
    fields.iter().map(plain).collect()
}

/// The value of an attribute without its type.
fn plain(value: &Value) -> anyhow::Result<Value> {
    let tagged = value.as_object().and_then(|tagged| tagged.iter().next());
    let (kind, value) = tagged.context("an attribute without a type")?;
    Ok(match kind.as_str() {
        // Binary values appear as base64 text.
        "S" | "BOOL" | "SS" | "B" => value.clone(),
        "N" => serde_json::from_str(value.as_str().context("a number is text")?)?,
        "NULL" => Value::Null,
        "NS" => {
            let numbers = value.as_array().context("a set is a list")?;
            let numbers = numbers.iter().map(|number| plain(&json!({"N": number})));
            Value::Array(numbers.collect::<anyhow::Result<_>>()?)
        }
        "L" => {
            let list = value.as_array().context("a list is one")?;
            Value::Array(list.iter().map(plain).collect::<anyhow::Result<_>>()?)
        }
        "M" => Value::Object(plain_item(value)?.into_iter().collect()),
        other => bail!("no attribute of the state has the type {other}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_without_types() {
        let item = json!({
            "pk": {"S": "a"}, "n": {"N": "12"}, "s": {"NS": ["3", "5"]}, "m": {"M": {"k": {"L": [{"BOOL": true}]}}},
        });
        let item = plain_item(&item).unwrap();
        assert_eq!((&item["n"], &item["s"]), (&json!(12), &json!([3, 5])));
        assert_eq!(item["m"], json!({"k": [true]}));
        assert_eq!(text(&item, "pk").unwrap(), "a");
        assert!(text(&item, "n").is_err());
        assert!(plain_item(&json!({"b": {"X": "AA=="}})).is_err());
    }
}
