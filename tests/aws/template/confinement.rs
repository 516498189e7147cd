//! The resources of each role: only the stack's own, under conditions, without wildcards.

use serde_json::{Value, json};

use super::policies::{KEY, VARIANTS, list, statement, statements};
use super::resolved::{Resolved, read, translated};

/// The statements that let Lambda join subnets. EC2 supports no narrower resource for them.
const JOINS_SUBNETS: [&str; 2] = ["JoinSubnets", "LeaveNetworkToLambda"];

#[test]
fn no_role_has_bare_wildcard() {
    let below_a_folder = |resource: &str| resource.ends_with("/*");
    for parameters in VARIANTS {
        let resolved = Resolved::with(parameters);
        let roles: Vec<_> = resolved.of_type("AWS::IAM::Role").collect();
        assert!(roles.len() >= 3, "{roles:?}");
        for (role, properties) in roles {
            assert!(properties.get("ManagedPolicyArns").is_none(), "{role}");
            for statement in statements(&resolved, role) {
                if JOINS_SUBNETS.iter().any(|sid| statement["Sid"] == *sid) {
                    continue;
                }
                assert_eq!(statement["Effect"], "Allow", "{role}");
                for action in list(&statement["Action"]) {
                    assert!(!action.contains('*'), "{role}: {action}");
                }
                for resource in list(&statement["Resource"]) {
                    let named = resource
                        .replace(":secret:windlass/*", "")
                        .replace("/windlass/*", "");
                    assert!(
                        !named.contains('*') || below_a_folder(&named),
                        "{role}: {resource}"
                    );
                    assert!(
                        resource.len() > 20 || resource.starts_with('{'),
                        "{role}: {resource}"
                    );
                }
            }
        }
    }
}

#[test]
fn permissions_cover_own_resources_only() {
    let resolved = Resolved::with(&[]);
    let on = |role: &str, sid: &str| list(&statement(&resolved, role, sid)["Resource"]);
    let table = ["arn:aws:dynamodb:eu-west-1:111111111111:table/windlass"];
    for (role, sid) in [
        ("OrchestratorRole", "ReadState"),
        ("OrchestratorRole", "CreateWindowsAndSaveProgress"),
        ("OrchestratorRole", "DecideWindows"),
        ("WorkerRole", "ReadState"),
        ("WorkerRole", "MoveWindows"),
        ("WorkerRole", "ShareRates"),
        ("WorkerRole", "RememberRecords"),
        ("WorkerRole", "BlockSources"),
    ] {
        assert_eq!(on(role, sid), table, "{role} {sid}");
    }
    assert_eq!(on("OrchestratorRole", "StartWorkers"), ["{WorkerAlias}"]);
    assert_eq!(
        on("OrchestratorRole", "WriteLogs"),
        ["{OrchestratorLogs.Arn}"]
    );
    assert_eq!(on("WorkerRole", "WriteLogs"), ["{WorkerLogs.Arn}"]);
    assert_eq!(
        on("WorkerRole", "KeepFailedInvocations"),
        ["{FailureQueue.Arn}"]
    );
    assert_eq!(
        on("WorkerRole", "WriteRejects"),
        ["{RecordsBucket.Arn}/rejects/*"]
    );
    assert_eq!(
        on("WorkerRole", "PutOnFirehose"),
        ["arn:aws:firehose:eu-west-1:111111111111:deliverystream/windlass-records"]
    );
    assert_eq!(
        on("WorkerRole", "ReadSecrets"),
        ["arn:aws:secretsmanager:eu-west-1:111111111111:secret:windlass/*"]
    );
    assert_eq!(
        on("WorkerRole", "ReadParameters"),
        ["arn:aws:ssm:eu-west-1:111111111111:parameter/windlass/*"]
    );
    assert_eq!(on("ScheduleRole", "Tick"), ["{OrchestratorAlias}"]);
    assert_eq!(
        on("ScheduleRole", "KeepMissedTicks"),
        ["{ScheduleQueue.Arn}"]
    );
    assert_eq!(
        on("FirehoseRole", "WriteRecords"),
        [
            "{RecordsBucket.Arn}/errors/*",
            "{RecordsBucket.Arn}/parquet/*",
            "{RecordsBucket.Arn}/records/*",
        ]
    );
    let restored = Resolved::with(&[("ExistingTableName", "restored")]);
    let on_restored = &statement(&restored, "WorkerRole", "MoveWindows")["Resource"];
    assert_eq!(
        on_restored,
        "arn:aws:dynamodb:eu-west-1:111111111111:table/restored"
    );
}

#[test]
fn worker_writes_are_confined_by_key() {
    let resolved = Resolved::with(&[]);
    let keys = |role: &str, sid: &str| {
        let condition = &statement(&resolved, role, sid)["Condition"];
        list(&condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
    };
    assert_eq!(keys("WorkerRole", "MoveWindows"), ["window#*"]);
    assert_eq!(keys("WorkerRole", "ShareRates"), ["rate#*"]);
    assert_eq!(keys("WorkerRole", "RememberRecords"), ["seen#*"]);
    assert_eq!(keys("WorkerRole", "BlockSources"), ["config#*"]);
    let blocks = &statement(&resolved, "WorkerRole", "BlockSources")["Condition"];
    assert_eq!(
        list(&blocks["ForAllValues:StringEquals"]["dynamodb:Attributes"]),
        [
            "blocked",
            "blocked_since",
            "pk",
            "probe_at",
            "sk",
            "version"
        ]
    );
    assert_eq!(
        keys("OrchestratorRole", "CreateWindowsAndSaveProgress"),
        ["progress#*", "window#*"]
    );
    // An update of a split is authorized together with the marks of its transaction.
    assert_eq!(
        keys("OrchestratorRole", "DecideWindows"),
        ["progress#*", "window#*"]
    );
}

#[test]
fn kms_keys_work_through_services_only() {
    let resolved = Resolved::with(&[
        ("KmsKeyArn", KEY),
        (
            "SecretKmsKeyArn",
            "arn:aws:kms:eu-west-1:111111111111:key/2",
        ),
    ]);
    let mut seen = 0;
    for (role, _) in resolved.of_type("AWS::IAM::Role") {
        for statement in statements(&resolved, role) {
            if list(&statement["Action"])
                .iter()
                .any(|action| action.starts_with("kms:"))
            {
                let via = list(&statement["Condition"]["StringEquals"]["kms:ViaService"]);
                assert!(
                    via.iter()
                        .all(|service| service.ends_with(".eu-west-1.amazonaws.com")),
                    "{role}: {via:?}"
                );
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 6);
    let secrets = &statement(&resolved, "WorkerRole", "DecryptSecrets")["Condition"]["StringLike"];
    assert_eq!(
        secrets["kms:EncryptionContext:SecretARN"],
        "arn:aws:secretsmanager:eu-west-1:111111111111:secret:windlass/*"
    );
}

/// Every string in a JSON value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(map) => map.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn kms_conditions_work_in_china() {
    let texts = texts(&translated()["Resources"]);
    let (via, others): (Vec<_>, Vec<_>) = texts
        .into_iter()
        .filter(|text| text.contains(".amazonaws.com") || text.contains("${AWS::URLSuffix}"))
        .partition(|text| text.contains("${AWS::Region}"));
    assert!(via.len() > 10, "{via:?}");
    for service in via {
        assert!(
            service.ends_with(".${AWS::Region}.${AWS::URLSuffix}"),
            "{service}"
        );
    }
    // Principals of services have the same name in all partitions.
    assert!(
        others.iter().all(|text| text.ends_with(".amazonaws.com")),
        "{others:?}"
    );
}

#[test]
fn only_lambda_service_joins_subnets() {
    let subnets = [
        ("SubnetIds", "subnet-0a,subnet-0b"),
        ("SecurityGroupIds", "sg-0c"),
    ];
    let resolved = Resolved::with(&subnets);
    let vpc = &resolved.properties("WorkerFunction")["VpcConfig"];
    assert_eq!(
        *vpc,
        json!({"SubnetIds": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-0c"]})
    );
    let joins = statement(&resolved, "WorkerRole", "JoinSubnets");
    let denied = statement(&resolved, "WorkerRole", "LeaveNetworkToLambda");
    assert_eq!(denied["Effect"], "Deny");
    assert_eq!(joins["Action"], denied["Action"]);
    assert_eq!(
        denied["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"],
        "arn:aws:lambda:eu-west-1:111111111111:function:windlass-worker"
    );
    let orchestrator = resolved.properties("OrchestratorFunction");
    assert!(orchestrator.get("VpcConfig").is_none());
    let runbook = read("docs/RUNBOOK.md");
    assert!(runbook.contains("\n### A fixed address\n") && runbook.contains("NAT gateway"));
}

#[test]
fn services_assume_roles_for_this_account_only() {
    let resolved = Resolved::with(&[]);
    let trust = |role: &str| {
        let document = &resolved.properties(role)["AssumeRolePolicyDocument"];
        document["Statement"][0].clone()
    };
    let schedule = trust("ScheduleRole");
    assert_eq!(schedule["Principal"]["Service"], "scheduler.amazonaws.com");
    let condition = &schedule["Condition"];
    assert_eq!(
        condition["StringEquals"]["aws:SourceAccount"],
        "111111111111"
    );
    assert_eq!(
        condition["ArnEquals"]["aws:SourceArn"],
        "{ScheduleGroup.Arn}"
    );
    let firehose = trust("FirehoseRole");
    assert_eq!(firehose["Principal"]["Service"], "firehose.amazonaws.com");
    assert_eq!(
        firehose["Condition"]["StringEquals"]["sts:ExternalId"],
        "111111111111"
    );
}
