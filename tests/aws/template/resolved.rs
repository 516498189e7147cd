//! The template as CloudFormation resolves it: after the SAM transform, for given parameters,
//! without the parts that conditions omit. A reference to a resource becomes `{Name}`, one to an
//! attribute `{Name.Attribute}`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Map, Value};
use windlass_tests::aws::tools;

/// The values of the pseudo parameters.
const PSEUDO: [(&str, &str); 5] = [
    ("AWS::AccountId", "111111111111"),
    ("AWS::Partition", "aws"),
    ("AWS::Region", "eu-west-1"),
    ("AWS::StackName", "windlass"),
    ("AWS::URLSuffix", "amazonaws.com"),
];

/// A file or folder of the project.
pub(super) fn project(path: &str) -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let top = tests
        .parent()
        .expect("the tests live one folder below the top");
    top.join(path)
}

/// The text of a file of the project.
pub(super) fn read(path: &str) -> String {
    let path = project(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The output of a command that must succeed.
pub(super) fn output(command: &mut Command) -> String {
    let shown = format!("{command:?}");
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{shown}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{shown}:\n{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// The template after the SAM transform, computed once.
pub(super) fn translated() -> &'static Value {
    static TRANSLATED: OnceLock<Value> = OnceLock::new();
    TRANSLATED.get_or_init(|| {
        let mut python = tools::python().expect("the template tools can be installed");
        let script = project("tests/aws/template/translate.py");
        let json = output(python.arg(script).arg(project("infra/template.yaml")));
        serde_json::from_str(&json).expect("translate.py prints JSON")
    })
}

/// The template's parameters with their declarations.
pub(super) fn parameters() -> &'static Map<String, Value> {
    translated()["Parameters"]
        .as_object()
        .expect("the template has parameters")
}

/// The template for given parameters.
#[derive(Debug)]
pub(crate) struct Resolved {
    parameters: BTreeMap<String, String>,
    resources: Map<String, Value>,
}

impl Resolved {
    /// The template with these values, and defaults for all other parameters.
    pub(crate) fn with(given: &[(&str, &str)]) -> Self {
        let mut values: BTreeMap<_, _> = parameters()
            .iter()
            .map(|(name, declared)| (name.clone(), text(&declared["Default"])))
            .collect();
        for (name, value) in given {
            let known = values.insert((*name).to_owned(), (*value).to_owned());
            assert!(known.is_some(), "the template has no parameter {name}");
        }
        let mut resolved = Self {
            parameters: values,
            resources: Map::new(),
        };
        let all = translated()["Resources"]
            .as_object()
            .expect("the template has resources");
        let created = all.iter().filter(|(_, resource)| {
            let condition = resource["Condition"].as_str();
            condition.is_none_or(|name| resolved.condition(name))
        });
        let created = created.map(|(id, resource)| {
            let value = resolved.value(resource);
            (id.clone(), value.expect("a resource is not AWS::NoValue"))
        });
        let resources = created.collect();
        resolved.resources = resources;
        resolved
    }

    /// Returns true if the resource is created.
    pub(super) fn creates(&self, id: &str) -> bool {
        self.resources.contains_key(id)
    }

    /// The properties of a created resource.
    pub(super) fn properties(&self, id: &str) -> &Value {
        let resource = self.resources.get(id);
        let resource = resource.unwrap_or_else(|| panic!("no resource {id} is created"));
        &resource["Properties"]
    }

    /// All created resources, with logical ids.
    pub(super) fn resources(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.resources
            .iter()
            .map(|(id, resource)| (id.as_str(), resource))
    }

    /// The properties of all created resources of a type, with logical ids.
    pub(super) fn of_type(&self, name: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.resources()
            .filter(move |(_, resource)| resource["Type"] == name)
            .map(|(id, resource)| (id, &resource["Properties"]))
    }

    /// Resolves a value; `None` where CloudFormation omits a property.
    fn value(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Object(map) if map.len() == 1 => {
                let (function, argument) = map.iter().next().expect("it has one entry");
                self.call(function, argument)
            }
            Value::Object(map) => Some(Value::Object(self.map(map))),
            Value::Array(list) => Some(list.iter().filter_map(|item| self.value(item)).collect()),
            plain => Some(plain.clone()),
        }
    }

    fn map(&self, map: &Map<String, Value>) -> Map<String, Value> {
        map.iter()
            .filter_map(|(name, value)| Some((name.clone(), self.value(value)?)))
            .collect()
    }

    fn call(&self, function: &str, argument: &Value) -> Option<Value> {
        match function {
            "Ref" if argument == "AWS::NoValue" => None,
            "Ref" => Some(self.reference(&text(argument)).into()),
            "Fn::GetAtt" => Some(format!("{{{}}}", joined(argument)).into()),
            "Fn::If" => {
                let branch = if self.condition(&text(&argument[0])) {
                    1
                } else {
                    2
                };
                self.value(&argument[branch])
            }
            "Fn::Sub" => Some(self.substitute(argument).into()),
            "Fn::Split" => {
                let whole = text(&self.value(&argument[1])?);
                let pieces = whole.split(argument[0].as_str()?).map(str::to_owned);
                Some(pieces.collect::<Vec<_>>().into())
            }
            "Fn::FindInMap" => {
                let key = |place: usize| self.value(&argument[place]).map(|key| text(&key));
                let [map, first, second] = [key(0)?, key(1)?, key(2)?];
                Some(translated()["Mappings"][map][first][second].clone())
            }
            name if name.starts_with("Fn::") => panic!("{name} is not worked out here"),
            name => {
                let map = Map::from_iter([(name.to_owned(), self.value(argument)?)]);
                Some(Value::Object(map))
            }
        }
    }

    fn reference(&self, name: &str) -> String {
        let pseudo = PSEUDO.iter().find(|(pseudo, _)| *pseudo == name);
        let given = self.parameters.get(name).cloned();
        given
            .or(pseudo.map(|(_, value)| (*value).to_owned()))
            .unwrap_or_else(|| format!("{{{name}}}"))
    }

    fn substitute(&self, argument: &Value) -> String {
        let (template, own) = match argument {
            Value::Array(both) => (text(&both[0]), both[1].as_object()),
            plain => (text(plain), None),
        };
        let own = own.map(|map| self.map(map)).unwrap_or_default();
        let mut pieces = template.split("${");
        let mut done = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once('}').expect("a ${ is closed");
            done.push_str(&match (name.strip_prefix('!'), own.get(name)) {
                (Some(literal), _) => format!("${{{literal}}}"),
                (None, Some(value)) => text(value),
                (None, None) => self.reference(name),
            });
            done.push_str(rest);
        }
        done
    }

    fn condition(&self, name: &str) -> bool {
        let condition = &translated()["Conditions"][name];
        assert!(
            condition.is_object(),
            "the template has no condition {name}"
        );
        self.holds(condition)
    }

    fn holds(&self, condition: &Value) -> bool {
        let map = condition.as_object().expect("a condition is a function");
        let (function, argument) = map.iter().next().expect("it has one entry");
        let mut parts = argument.as_array().into_iter().flatten();
        match function.as_str() {
            "Condition" => self.condition(&text(argument)),
            "Fn::Not" => parts.all(|part| !self.holds(part)),
            "Fn::And" => parts.all(|part| self.holds(part)),
            "Fn::Or" => parts.any(|part| self.holds(part)),
            "Fn::Equals" => {
                let side = |place: usize| self.value(&argument[place]).map(|side| text(&side));
                side(0) == side(1)
            }
            name => panic!("{name} is no condition"),
        }
    }
}

/// A plain value as CloudFormation compares and joins it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        other => panic!("not a plain value: {other}"),
    }
}

/// `Fn::GetAtt` accepts a list or a text with dots.
fn joined(argument: &Value) -> String {
    let parts = argument.as_array().map(|parts| {
        let parts: Vec<_> = parts.iter().map(text).collect();
        parts.join(".")
    });
    parts.unwrap_or_else(|| text(argument))
}

#[test]
fn parameters_conditions_and_functions_are_resolved() {
    let by_default = Resolved::with(&[]);
    let stream = by_default.properties("Firehose");
    assert_eq!(stream["DeliveryStreamName"], "windlass-records");
    assert_eq!(stream["DeliveryStreamType"], "DirectPut");
    assert!(stream.get("KinesisStreamSourceConfiguration").is_none());
    assert!(!by_default.creates("RecordsStream"));
    let table = by_default.properties("RecordsTable");
    assert_eq!(
        table["TableInput"]["Parameters"]["storage.location.template"],
        "s3://{RecordsBucket}/records/hour=${hour}/"
    );

    let other = Resolved::with(&[("IngestPath", "kinesis-firehose"), ("ShardRanges", "2")]);
    let stream = other.properties("Firehose");
    assert_eq!(stream["DeliveryStreamType"], "KinesisStreamAsSource");
    let source = &stream["KinesisStreamSourceConfiguration"]["KinesisStreamARN"];
    assert_eq!(source, "{RecordsStream.Arn}");
    assert_eq!(
        other.properties("SecondTick")["Target"]["Input"],
        r#"{"shards":{"from":32,"to":64}}"#
    );
    assert!(!other.creates("ThirdTick"));
}
