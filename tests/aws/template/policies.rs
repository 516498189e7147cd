//! The actions that each role may call, and their resources.

use std::collections::BTreeSet;

use serde_json::Value;

use super::resolved::Resolved;

/// One of the functions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Function {
    /// Plans and dispatches windows.
    Orchestrator,
    /// Reads windows.
    Worker,
}

impl Function {
    fn role(self) -> &'static str {
        match self {
            Self::Orchestrator => "OrchestratorRole",
            Self::Worker => "WorkerRole",
        }
    }
}

/// Actions that AWS services perform with a function's role; its code calls none of them.
const BY_SERVICES: [&str; 11] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:SendMessage",
];

/// The actions that a function's policies allow its code, such as `dynamodb:Query`, when the
/// template is deployed with these parameters. Omits the actions of AWS services with its role:
/// they write its logs, store its failed events, use keys, join subnets.
pub(crate) fn called_actions(function: Function, parameters: &[(&str, &str)]) -> BTreeSet<String> {
    let mut actions = actions(&Resolved::with(parameters), function.role());
    actions.retain(|action| !BY_SERVICES.contains(&action.as_str()));
    actions
}

fn actions(resolved: &Resolved, role: &str) -> BTreeSet<String> {
    statements(resolved, role)
        .into_iter()
        .flat_map(|statement| list(&statement["Action"]))
        .collect()
}

pub(super) fn statements<'a>(resolved: &'a Resolved, role: &str) -> Vec<&'a Value> {
    let policies = resolved.properties(role)["Policies"].as_array();
    let policies = policies.unwrap_or_else(|| panic!("{role} has no policies"));
    let statements = policies.iter().map(|policy| {
        let statements = policy["PolicyDocument"]["Statement"].as_array();
        statements.unwrap_or_else(|| panic!("a policy of {role} has no statements"))
    });
    statements.flatten().collect()
}

pub(super) fn statement<'a>(resolved: &'a Resolved, role: &str, sid: &str) -> &'a Value {
    let found = statements(resolved, role)
        .into_iter()
        .find(|statement| statement["Sid"] == sid);
    found.unwrap_or_else(|| panic!("{role} has no statement {sid}"))
}

/// One string or several.
pub(super) fn list(value: &Value) -> Vec<String> {
    let one = |value: &Value| {
        let text = value.as_str();
        text.unwrap_or_else(|| panic!("not a text: {value}"))
            .to_owned()
    };
    match value {
        Value::Array(several) => several.iter().map(one).collect(),
        single => vec![one(single)],
    }
}

fn set(actions: &[&str]) -> BTreeSet<String> {
    actions.iter().map(|action| (*action).to_owned()).collect()
}

pub(super) const KEY: &str = "arn:aws:kms:eu-west-1:111111111111:key/1";

/// Parameters that together create every statement of every role.
pub(super) const VARIANTS: [&[(&str, &str)]; 6] = [
    &[],
    &[
        ("SubnetIds", "subnet-0a,subnet-0b"),
        ("SecurityGroupIds", "sg-0c"),
    ],
    &[
        ("IngestPath", "kinesis-firehose"),
        ("RecordFormat", "parquet"),
        ("KmsKeyArn", KEY),
    ],
    &[
        ("IngestPath", "existing"),
        ("ExistingStreamKind", "kinesis"),
        ("ExistingStreamName", "audit"),
        ("ExistingStreamKmsKeyArn", KEY),
        ("SecretKmsKeyArn", KEY),
    ],
    &[
        ("IngestPath", "existing"),
        ("ExistingStreamName", "audit"),
        ("ExistingTableName", "restored"),
    ],
    &[
        ("IngestPath", "existing"),
        ("ExistingStreamName", "audit"),
        (
            "LoggingAccountRoleArn",
            "arn:aws:iam::222222222222:role/audit",
        ),
        ("RejectsPlace", "s3://central/rejects"),
    ],
];

#[test]
fn orchestrator_policy_allows_planning_and_dispatch() {
    for parameters in VARIANTS {
        assert_eq!(
            called_actions(Function::Orchestrator, parameters),
            set(&[
                "dynamodb:BatchGetItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
                "lambda:InvokeFunction",
            ])
        );
    }
}

#[test]
fn worker_policy_allows_moves_secrets_and_delivery() {
    let always = [
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
        "secretsmanager:GetSecretValue",
        "ssm:GetParameter",
    ];
    let places: [&[&str]; 6] = [
        &["firehose:PutRecordBatch", "s3:PutObject"],
        &["firehose:PutRecordBatch", "s3:PutObject"],
        &["kinesis:PutRecords", "s3:PutObject"],
        &["kinesis:PutRecords", "s3:PutObject"],
        &["firehose:PutRecordBatch", "s3:PutObject"],
        &["sts:AssumeRole"],
    ];
    for (parameters, place) in VARIANTS.into_iter().zip(places) {
        let expected = set(&[&always[..], place].concat());
        assert_eq!(
            called_actions(Function::Worker, parameters),
            expected,
            "{parameters:?}"
        );
    }
}
