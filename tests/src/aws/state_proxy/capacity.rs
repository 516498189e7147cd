//! The billed capacity of a DynamoDB call, computed from its request and response: writes in steps
//! of 1 KB of the whole item, reads in steps of 4 KB, half when eventually consistent.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>

use std::iter::Sum;
use std::ops::Add;

use hyper::StatusCode;
use serde_json::Value;

/// One step of a write.
const WRITE_BYTES: usize = 1024;
/// One step of a read.
const READ_BYTES: usize = 4096;

/// Capacity units. Halves are exact in binary, so equality comparisons are safe.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Units {
    /// Write request units.
    pub write: f64,
    /// Read request units.
    pub read: f64,
}

impl Add for Units {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            write: self.write + other.write,
            read: self.read + other.read,
        }
    }
}

impl Sum for Units {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// The consumed capacity of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Consumed {
    /// The access key id of the signature.
    pub caller: String,
    /// The operation, such as `UpdateItem`.
    pub operation: String,
    /// The name of the table.
    pub table: String,
    /// The consumed units.
    pub units: Units,
}

/// A request that shows all items that `request` reads; `None` if its own response does.
pub(super) fn unfiltered(operation: &str, request: &Value) -> Option<Value> {
    let hiding = ["FilterExpression", "ProjectionExpression", "Select"];
    let reads = matches!(operation, "Query" | "Scan" | "GetItem");
    if !reads || hiding.iter().all(|name| request.get(name).is_none()) {
        return None;
    }
    let mut whole = request.clone();
    let fields = whole.as_object_mut()?;
    for name in hiding {
        fields.remove(name);
    }
    // DynamoDB rejects names that only the removed projection or filter used.
    let key = fields.get("KeyConditionExpression").and_then(Value::as_str);
    let key = key.unwrap_or("").to_owned();
    for table in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        if let Some(table) = fields.get_mut(table).and_then(Value::as_object_mut) {
            table.retain(|name, _| mentions(&key, name));
        }
    }
    for table in ["ExpressionAttributeNames", "ExpressionAttributeValues"] {
        let empty = |table: &Value| table.as_object().is_some_and(serde_json::Map::is_empty);
        if fields.get(table).is_some_and(empty) {
            fields.remove(table);
        }
    }
    Some(whole)
}

/// Returns true if `expression` uses the placeholder `name`, not only a longer one that begins with
/// it.
fn mentions(expression: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    expression
        .match_indices(name)
        .any(|(at, _)| !expression[at + name.len()..].starts_with(is_word))
}

/// The consumed capacity of `operation`. `read` is its response with all items read, `response` the
/// response to the client.
pub(super) fn units(
    operation: &str,
    request: &Value,
    read: &Value,
    response: &Value,
    status: StatusCode,
) -> Units {
    let write = |write| Units { write, read: 0.0 };
    let read_units = |read| Units { write: 0.0, read };
    let conditional = response["__type"].as_str().unwrap_or("");
    if status != StatusCode::OK {
        // A failed condition is billed by the size of the existing item, at least one unit.
        return if conditional.ends_with("ConditionalCheckFailedException") {
            write(steps(item_bytes(&response["Item"]), WRITE_BYTES))
        } else {
            Units::default()
        };
    }
    let consistent = |request: &Value| request["ConsistentRead"].as_bool() == Some(true);
    let rate = |request: &Value| if consistent(request) { 1.0 } else { 0.5 };
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems" => {
            write(billed(&response["ConsumedCapacity"]))
        }
        "GetItem" => read_units(rate(request) * steps(item_bytes(&read["Item"]), READ_BYTES)),
        "Query" | "Scan" => {
            let bytes = list(&read["Items"]).iter().map(item_bytes).sum();
            read_units(rate(request) * steps(bytes, READ_BYTES))
        }
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object();
            let tables = tables.into_iter().flatten();
            read_units(
                tables
                    .map(|(name, asked)| {
                        let found = list(&response["Responses"][name]);
                        let missing = list(&asked["Keys"]).len().saturating_sub(found.len());
                        let found = found.iter().map(|item| steps(item_bytes(item), READ_BYTES));
                        rate(asked) * (found.sum::<f64>() + count(missing))
                    })
                    .sum(),
            )
        }
        _ => Units::default(),
    }
}

/// The emulator's own figure, which is right for writes.
fn billed(consumed: &Value) -> f64 {
    let units = |one: &Value| one["CapacityUnits"].as_f64().unwrap_or(0.0);
    match consumed {
        Value::Array(tables) => tables.iter().map(units).sum(),
        one => units(one),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// At least one step, as for an item that does not exist.
fn steps(bytes: usize, step: usize) -> f64 {
    count(bytes.div_ceil(step).max(1))
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

/// The size of an item: names and values.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
fn item_bytes(item: &Value) -> usize {
    let fields = item.as_object().into_iter().flatten();
    fields
        .map(|(name, value)| name.len() + value_bytes(value))
        .sum()
}

fn value_bytes(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|tagged| tagged.iter().next()) else {
        return 0;
    };
    let text = |value: &Value| value.as_str().map_or(0, str::len);
    match kind.as_str() {
        "S" => text(value),
        // One byte for two digits, and one for sign and exponent.
        "N" => text(value).div_ceil(2) + 1,
        // Base64 on the wire.
        "B" => text(value) / 4 * 3,
        "L" => {
            3 + list(value)
                .iter()
                .map(|value| 1 + value_bytes(value))
                .sum::<usize>()
        }
        "M" => {
            let fields = value.as_object().into_iter().flatten();
            3 + fields
                .map(|(name, value)| 1 + name.len() + value_bytes(value))
                .sum::<usize>()
        }
        "SS" | "BS" => list(value).iter().map(text).sum(),
        "NS" => list(value)
            .iter()
            .map(|number| text(number).div_ceil(2) + 1)
            .sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(bytes: usize) -> Value {
        // `pk`, its value, and the name `x` have seven bytes.
        json!({"pk": {"S": "item"}, "x": {"S": "x".repeat(bytes - 7)}})
    }

    fn read_of(operation: &str, request: &Value, response: &Value) -> f64 {
        units(operation, request, response, response, StatusCode::OK).read
    }

    #[test]
    fn item_size_counts_names_and_values() {
        assert_eq!(item_bytes(&item(100)), 100);
        assert_eq!(
            item_bytes(&json!({"n": {"N": "1234"}, "b": {"BOOL": true}})),
            1 + 3 + 1 + 1
        );
        assert_eq!(
            item_bytes(&json!({"l": {"L": [{"S": "ab"}]}})),
            1 + 3 + 1 + 2
        );
        assert_eq!(
            item_bytes(&json!({"m": {"M": {"k": {"S": "ab"}}}})),
            1 + 3 + 1 + 1 + 2
        );
    }

    #[test]
    fn reads_are_billed_per_four_kilobytes() {
        let consistent = json!({"ConsistentRead": true});
        for (bytes, expected) in [(100, 1.0), (4096, 1.0), (4097, 2.0)] {
            let response = json!({"Item": item(bytes)});
            assert!((read_of("GetItem", &consistent, &response) - expected).abs() < 0.01);
            assert!((read_of("GetItem", &json!({}), &response) - expected / 2.0).abs() < 0.01);
        }
        assert!((read_of("GetItem", &consistent, &json!({})) - 1.0).abs() < 0.01);
    }

    #[test]
    fn query_is_billed_by_sum_and_batch_by_item() {
        let two = json!([item(3000), item(3000)]);
        let query = json!({"ConsistentRead": true});
        assert!((read_of("Query", &query, &json!({"Items": two})) - 2.0).abs() < 0.01);
        let asked = json!({"ConsistentRead": true, "Keys": [{}, {}, {}]});
        let batch = json!({"RequestItems": {"t": asked}});
        let response = json!({"Responses": {"t": two}});
        assert!((read_of("BatchGetItem", &batch, &response) - 3.0).abs() < 0.01);
    }

    #[test]
    fn failed_condition_is_billed_by_stored_item() {
        let failed = |item: Value| {
            let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
            let response = json!({"__type": kind, "Item": item});
            units(
                "UpdateItem",
                &json!({}),
                &response,
                &response,
                StatusCode::BAD_REQUEST,
            )
            .write
        };
        assert!((failed(Value::Null) - 1.0).abs() < 0.01);
        assert!((failed(item(1500)) - 2.0).abs() < 0.01);
        let other = json!({"__type": "ValidationException"});
        let refused = units(
            "UpdateItem",
            &json!({}),
            &other,
            &other,
            StatusCode::BAD_REQUEST,
        );
        assert_eq!(refused, Units::default());
    }

    #[test]
    fn unfiltered_query_keeps_key_placeholders_only() {
        let request = json!({
            "KeyConditionExpression": "#pk = :pk", "FilterExpression": "#p = :p",
            "ExpressionAttributeNames": {"#pk": "pk", "#p": "x"},
            "ExpressionAttributeValues": {":pk": {"S": "a"}, ":p": {"S": "b"}},
        });
        let whole = unfiltered("Query", &request).unwrap();
        assert_eq!(whole["ExpressionAttributeNames"], json!({"#pk": "pk"}));
        assert_eq!(
            whole["ExpressionAttributeValues"],
            json!({":pk": {"S": "a"}})
        );
        assert!(whole.get("FilterExpression").is_none());
        assert!(unfiltered("Query", &whole).is_none());
    }
}
