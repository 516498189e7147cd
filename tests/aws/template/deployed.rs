//! The template deployed into an emulator, as by `sam deploy`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use windlass_tests::aws::emulator::{Emulator, EmulatorSettings};
use windlass_tests::aws::tools;
use windlass_tests::windlass::binary;

use super::resolved::{Resolved, output, project};

/// A stack in an emulator.
#[derive(Debug)]
pub(crate) struct Deployed {
    /// The stack's outputs, by name.
    pub(crate) outputs: BTreeMap<String, String>,
    /// The type of each created resource, by logical id.
    pub(crate) resources: BTreeMap<String, String>,
    /// The environment of each function's alias, by logical id.
    pub(crate) environments: Value,
}

/// Deploys the template as the stack `name`, or updates it, into the emulator at `endpoint`. The
/// folders `orchestrator` and `worker` in `packages` become the functions' packages.
///
/// Omits resources that the emulator does not support: saved queries, and alarms with a formula.
pub(crate) fn deploy(
    endpoint: &str,
    name: &str,
    parameters: &[(&str, &str)],
    packages: &Path,
) -> anyhow::Result<Deployed> {
    let request = json!({
        "template": project("infra/template.yaml"),
        "stack": name,
        "parameters": parameters.iter().copied().collect::<BTreeMap<_, _>>(),
        "packages": {
            "OrchestratorFunction": packages.join("orchestrator"),
            "WorkerFunction": packages.join("worker"),
        },
    });
    let mut python = tools::python()?
        .arg(project("tests/aws/template/deploy.py"))
        .arg(endpoint)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start Python")?;
    let mut stdin = python.stdin.take().context("Python has no input")?;
    stdin
        .write_all(request.to_string().as_bytes())
        .context("Python reads nothing")?;
    drop(stdin);
    let output = python.wait_with_output().context("Python did not end")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let response: Value = serde_json::from_slice(&output.stdout).context("no JSON")?;
    let status = response["status"].as_str().unwrap_or_default();
    if !["CREATE_COMPLETE", "UPDATE_COMPLETE"].contains(&status) {
        bail!("the stack is {status}: {response}");
    }
    let texts = |place: &Value, field: Option<&str>| {
        let entries = place.as_object().into_iter().flatten();
        entries
            .filter_map(|(name, value)| {
                let text = field.map_or(value, |field| &value[field]).as_str()?;
                Some((name.clone(), text.to_owned()))
            })
            .collect()
    };
    Ok(Deployed {
        outputs: texts(&response["outputs"], None),
        resources: texts(&response["resources"], Some("type")),
        environments: response["environments"].clone(),
    })
}

/// Packages that never run.
fn empty_packages() -> anyhow::Result<tempfile::TempDir> {
    let packages = tempfile::tempdir()?;
    for function in ["orchestrator", "worker"] {
        let folder = packages.path().join(function);
        std::fs::create_dir(&folder)?;
        std::fs::write(folder.join("bootstrap"), "#!/bin/sh\n")?;
    }
    Ok(packages)
}

/// The expected resources for these parameters.
fn expected(parameters: &[(&str, &str)]) -> BTreeMap<String, String> {
    let resolved = Resolved::with(parameters);
    let known = resolved.resources().filter(|(_, resource)| {
        resource["Type"] != "AWS::Athena::NamedQuery"
            && (resource["Type"] != "AWS::CloudWatch::Alarm"
                || resource["Properties"].get("Metrics").is_none())
    });
    known
        .map(|(id, resource)| {
            (
                id.to_owned(),
                resource["Type"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

/// Checks that windlass accepts the output `Sinks` as a part of its configuration.
fn check(sinks: &str) -> anyhow::Result<()> {
    let file = tempfile::NamedTempFile::with_suffix(".yaml")?;
    let configuration = format!(
        "state: {{ dynamodb: {{ table: windlass }} }}\n{sinks}\nsources:\n  okta:\n    \
         connector: okta_system_log\n    params: {{ domain: example.okta.com }}\n    \
         secret: secretsmanager:windlass/okta#token\n    start: 2026-01-01T00:00:00Z\n    sink: lake\n"
    );
    std::fs::write(file.path(), configuration)?;
    let mut windlass = Command::new(binary()?);
    output(windlass.arg("--config").arg(file.path()).arg("check"));
    Ok(())
}

#[tokio::test]
async fn every_ingest_variant_deploys() -> anyhow::Result<()> {
    let emulator = Emulator::start(EmulatorSettings::default()).await?;
    let packages = empty_packages()?;
    let variants: [(&str, &[(&str, &str)]); 4] = [
        ("plain", &[]),
        (
            "stream",
            &[
                ("IngestPath", "kinesis-firehose"),
                ("RecordFormat", "parquet"),
                ("Partitioning", "source-and-hour"),
                ("ShardRanges", "4"),
                ("DatabaseName", "stream"),
                ("WorkerConcurrency", "0"),
            ],
        ),
        (
            "beside",
            &[
                ("IngestPath", "existing"),
                ("ExistingStreamKind", "kinesis"),
                ("ExistingStreamName", "stream-records"),
                ("ExistingTableName", "plain"),
                ("DatabaseName", "beside"),
                ("SubnetIds", "subnet-0a1b,subnet-0c1d"),
                ("SecurityGroupIds", "sg-0e1f"),
            ],
        ),
        (
            "afar",
            &[
                ("IngestPath", "existing"),
                ("ExistingStreamName", "audit"),
                (
                    "LoggingAccountRoleArn",
                    "arn:aws:iam::222222222222:role/audit",
                ),
                ("RejectsPlace", "s3://central/rejects"),
            ],
        ),
    ];
    let mut sinks = Vec::new();
    for (name, parameters) in variants {
        let deployed = deploy(&emulator.uri(), name, parameters, packages.path())
            .with_context(|| format!("{name}: {parameters:?}"))?;
        assert_eq!(deployed.resources, expected(parameters), "{name}");
        let sink = deployed.outputs["Sinks"].clone();
        check(&sink).with_context(|| sink.clone())?;
        sinks.push(sink);
    }
    assert!(
        sinks[0].starts_with(
            "sinks: { lake: { firehose: { stream: plain-records, rejects: 's3://plain-"
        )
    );
    assert!(
        sinks[1].starts_with(
            "sinks: { lake: { kinesis: { stream: stream-records, rejects: 's3://stream-"
        )
    );
    assert!(sinks[1].contains(", partitions: 500 }"), "{}", sinks[1]);
    assert!(
        sinks[2].starts_with(
            "sinks: { lake: { kinesis: { stream: stream-records, rejects: 's3://beside-"
        )
    );
    assert_eq!(
        sinks[3],
        "sinks: { lake: { firehose: { stream: audit, rejects: 's3://central/rejects', \
         role_arn: 'arn:aws:iam::222222222222:role/audit' } } }"
    );
    Ok(())
}

#[tokio::test]
async fn contradictory_parameters_are_rejected_before_creation() -> anyhow::Result<()> {
    let emulator = Emulator::shared().await?;
    let packages = empty_packages()?;
    let role = (
        "LoggingAccountRoleArn",
        "arn:aws:iam::222222222222:role/audit",
    );
    let subnets = ("SubnetIds", "subnet-0a1b");
    let refused: [(&[(&str, &str)], &str); 6] = [
        (&[subnets], "needs SecurityGroupIds"),
        (
            &[("SecurityGroupIds", "sg-0e1f")],
            "for workers in SubnetIds",
        ),
        (&[("IngestPath", "existing")], "needs ExistingStreamName"),
        (&[role], "needs IngestPath existing"),
        (
            &[
                ("IngestPath", "existing"),
                ("ExistingStreamName", "audit"),
                role,
            ],
            "needs RejectsPlace",
        ),
        (
            &[("RejectsPlace", "s3://central/rejects")],
            "Without LoggingAccountRoleArn",
        ),
    ];
    for (parameters, reason) in refused {
        let refused = deploy(&emulator.uri(), "refused", parameters, packages.path());
        let error = refused.expect_err("the parameters contradict each other");
        assert!(format!("{error:#}").contains(reason), "{error:#}");
    }
    Ok(())
}

#[tokio::test]
async fn changed_parameter_applies_with_stack_update() -> anyhow::Result<()> {
    let emulator = Emulator::shared().await?;
    let packages = empty_packages()?;
    let common = [("DatabaseName", "changed")];
    deploy(&emulator.uri(), "changed", &common, packages.path())?;
    let hosts = ("AllowedHosts", "api.vendor.example");
    let changed = deploy(
        &emulator.uri(),
        "changed",
        &[common[0], hosts],
        packages.path(),
    )?;
    let variables = &changed.environments["WorkerFunction"];
    assert_eq!(variables["WINDLASS_ALLOWED_HOSTS"], "api.vendor.example");
    Ok(())
}
