//! Storage: the state table, and the complete delivery of records to the bucket.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use windlass_connectors::registry;

use super::resolved::{Resolved, parameters, read, translated};

#[test]
fn state_table_is_protected_and_expires_by_ttl() {
    let resolved = Resolved::with(&[]);
    let table = resolved.properties("StateTable");
    assert_eq!(table["TableName"], "windlass");
    assert_eq!(table["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(table["DeletionProtectionEnabled"], true);
    assert_eq!(
        table["KeySchema"],
        json!([
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ])
    );
    let ttl = &table["TimeToLiveSpecification"];
    assert_eq!(*ttl, json!({"AttributeName": "ttl", "Enabled": true}));
    let recovery = &table["PointInTimeRecoverySpecification"];
    assert_eq!(recovery["PointInTimeRecoveryEnabled"], true);
    assert!(table.get("GlobalSecondaryIndexes").is_none());
    let own = Resolved::with(&[("ExistingTableName", "restored")]);
    assert!(!own.creates("StateTable"));
}

#[test]
fn bucket_is_private_encrypted_and_versioned() {
    let resolved = Resolved::with(&[]);
    let bucket = resolved.properties("RecordsBucket");
    let access = bucket["PublicAccessBlockConfiguration"]
        .as_object()
        .unwrap();
    assert_eq!(access.len(), 4);
    assert!(access.values().all(|blocked| blocked == true));
    assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled");
    let rules = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"];
    assert_eq!(
        rules[0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"],
        "AES256"
    );
    let policy = &resolved.properties("RecordsBucketPolicy")["PolicyDocument"]["Statement"][0];
    assert_eq!(policy["Effect"], "Deny");
    assert_eq!(policy["Condition"]["Bool"]["aws:SecureTransport"], "false");
}

#[test]
fn irreversible_parameters_are_described_as_such() {
    for name in ["Partitioning", "RecordFormat", "IngestPath"] {
        let about = parameters()[name]["Description"].as_str().unwrap();
        assert!(
            ["cannot be changed later", "cannot be turned off later"]
                .iter()
                .any(|words| about.contains(words)),
            "{name}: {about}"
        );
    }
    let layout = &parameters()["Partitioning"];
    assert_eq!(layout["Default"], "hour");
    let about = layout["Description"].as_str().unwrap();
    assert!(
        about.contains("500 partitions") && about.contains("0.020 dollars"),
        "{about}"
    );
    let expiry = parameters()["RecordsExpireDays"]["Description"].as_str();
    assert!(expiry.unwrap().contains("N + 30 days"), "{expiry:?}");
}

#[test]
fn sinks_output_declares_partitions_by_source() {
    let sinks = &translated()["Outputs"]["Sinks"]["Value"]["Fn::Sub"];
    let partitions = &sinks[1]["Partitions"]["Fn::If"];
    assert_eq!(
        *partitions,
        json!(["PartitionsBySource", ", partitions: 500", ""])
    );
    assert!(sinks[0].as_str().unwrap().contains("${Partitions}"));
}

#[test]
fn query_scan_is_bounded() {
    let resolved = Resolved::with(&[("QueryScanBytesMax", "20000000")]);
    let configuration = &resolved.properties("WorkGroup")["WorkGroupConfiguration"];
    assert_eq!(configuration["BytesScannedCutoffPerQuery"], "20000000");
    assert_eq!(configuration["EnforceWorkGroupConfiguration"], true);
}

#[test]
fn records_expire_when_configured_and_rejects_never() {
    let expiring = |days: &str| {
        let resolved = Resolved::with(&[("RecordsExpireDays", days)]);
        let rules = resolved.properties("RecordsBucket")["LifecycleConfiguration"]["Rules"].clone();
        let rules = rules.as_array().unwrap().clone();
        let mut prefixes = Vec::new();
        for rule in rules {
            if rule["Status"] == "Enabled" && rule.get("ExpirationInDays").is_some() {
                prefixes.push(rule["Prefix"].as_str().unwrap().to_owned());
            }
        }
        prefixes
    };
    assert_eq!(expiring("0"), ["athena/"]);
    assert_eq!(expiring("400"), ["records/", "parquet/", "athena/"]);
}

/// The parameters of partitioning by source.
const BY_SOURCE: [(&str, &str); 1] = [("Partitioning", "source-and-hour")];

fn destination(parameters: &[(&str, &str)]) -> Value {
    let resolved = Resolved::with(parameters);
    resolved.properties("Firehose")["ExtendedS3DestinationConfiguration"].clone()
}

/// The types of a stream's processors, in order.
fn processors(destination: &Value) -> Vec<&str> {
    let processors = destination["ProcessingConfiguration"]["Processors"].as_array();
    let processors = processors.into_iter().flatten();
    processors
        .filter_map(|processor| processor["Type"].as_str())
        .collect()
}

#[test]
fn json_lines_are_kept_in_every_format() {
    let json = destination(&BY_SOURCE);
    assert_eq!(
        json["Prefix"],
        "records/hour=!{partitionKeyFromQuery:hour}/source=!{partitionKeyFromQuery:source}/"
    );
    assert_eq!(json["CompressionFormat"], "GZIP");
    assert_eq!(json["S3BackupMode"], "Disabled");
    assert!(json.get("DataFormatConversionConfiguration").is_none());

    let parquet = destination(&[("RecordFormat", "parquet")]);
    assert!(
        parquet["Prefix"]
            .as_str()
            .unwrap()
            .starts_with("parquet/hour=")
    );
    assert_eq!(parquet["S3BackupMode"], "Enabled");
    let lines = &parquet["S3BackupConfiguration"];
    assert_eq!(lines["Prefix"], "records/hour=!{timestamp:yyyy-MM-dd-HH}/");
    assert_eq!(lines["CompressionFormat"], "GZIP");

    let resolved = Resolved::with(&[("RecordFormat", "parquet")]);
    for table in ["RecordsTable", "RejectsTable", "RecordsParquetTable"] {
        assert!(resolved.creates(table), "{table}");
    }
    assert!(!resolved.creates("RecordsOfSourceTable"));
}

#[test]
fn packed_records_are_deaggregated_before_partitioning() {
    assert_eq!(
        processors(&destination(&BY_SOURCE)),
        [
            "RecordDeAggregation",
            "MetadataExtraction",
            "AppendDelimiterToRecord"
        ]
    );
    // Parquet needs no line ends.
    assert_eq!(
        processors(&destination(&[BY_SOURCE[0], ("RecordFormat", "parquet")])),
        ["RecordDeAggregation", "MetadataExtraction"]
    );
    let by_hour = destination(&[]);
    assert_eq!(
        by_hour["Prefix"],
        "records/hour=!{timestamp:yyyy-MM-dd-HH}/"
    );
    assert!(by_hour.get("ProcessingConfiguration").is_none());
    assert!(by_hour.get("DynamicPartitioningConfiguration").is_none());
}

#[test]
fn undelivered_records_have_own_prefix() {
    for format in ["json", "parquet"] {
        let destination = destination(&[("RecordFormat", format)]);
        let errors = destination["ErrorOutputPrefix"].as_str().unwrap();
        assert!(errors.starts_with("errors/"), "{errors}");
        assert_eq!(destination["CloudWatchLoggingOptions"]["Enabled"], true);
    }
}

/// The top-level fields of every record in the recorded responses of the built-in connectors.
fn recorded_fields() -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for connector in registry::names() {
        let page = read(&format!("connectors/fixtures/{connector}/page1.json"));
        let page: Value = serde_json::from_str(&page).expect("a recorded page is JSON");
        let inside = ["items", "entries", "vulnerabilities"].iter();
        let mut lists = inside.filter_map(|name| page.get(name)).chain([&page]);
        let records = lists.find_map(Value::as_array);
        let records = records.unwrap_or_else(|| panic!("no records in a page of {connector}"));
        fields.extend(records.iter().flat_map(|record| {
            let record = record.as_object().expect("a record is an object");
            record.keys().cloned()
        }));
    }
    assert!(fields.len() > 30, "{fields:?}");
    fields
}

#[test]
fn parquet_has_column_for_every_built_in_field() {
    let resolved = Resolved::with(&[("RecordFormat", "parquet")]);
    let table = resolved.properties("RecordsParquetTable");
    let columns = table["TableInput"]["StorageDescriptor"]["Columns"].as_array();
    let columns: BTreeSet<_> = columns
        .unwrap()
        .iter()
        .map(|column| column["Name"].as_str().unwrap())
        .collect();
    assert!(columns.contains("_windlass"));
    let destination = destination(&[("RecordFormat", "parquet")]);
    let conversion = &destination["DataFormatConversionConfiguration"];
    let mappings = &conversion["InputFormatConfiguration"]["Deserializer"]["OpenXJsonSerDe"];
    let mappings = mappings["ColumnToJsonKeyMappings"].as_object().unwrap();
    for (column, field) in mappings {
        assert!(columns.contains(column.as_str()), "{column}");
        assert_ne!(*field, *column);
    }
    for field in recorded_fields() {
        let mapped = mappings.iter().find(|(_, key)| **key == field);
        let column = mapped.map_or(field.as_str(), |(column, _)| column);
        assert!(columns.contains(column), "{field} has no column");
    }
}
