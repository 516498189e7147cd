//! The page splitter. It must agree with a reader that builds the whole tree on three facts:
//! whether the text is JSON, the elements of the array and their number, and the first value at
//! each path. Elements are slices of the page, in order, without overlap. A read that ends early
//! must find the same as a whole one.

use windlass_connectors::elements;
use windlass_connectors::manifest::text::JsonPath;
use windlass_connectors::records::{Found, NoArray, Paths};

use crate::corpus::{Corpus, files};
use crate::draw::Draw;
use crate::input::Input;
use crate::json;
use crate::meter::Meter;
use crate::reference::{self, Elements, Node, Verdict};
use crate::target::{Target, expect};

/// Possible paths of the array.
const ARRAYS: [&str; 9] = [
    ".",
    "items",
    "items",
    "data.items",
    "a",
    "a.a.a",
    "[1]",
    "items[0]",
    "[\"a.b\"].items",
];
/// Paths of values to find beside it, including those above and inside the array.
const VALUES: [&str; 10] = [
    "id",
    "next",
    "items",
    "data",
    "data.next",
    "items[0].id",
    "a",
    "a.a",
    "[0]",
    "[\"a.b\"]",
];
/// Keys of generated documents.
const KEYS: [&str; 7] = ["items", "data", "id", "next", "a", "a.b", "time"];
/// Most elements of a generated page.
const ELEMENTS_MAX: usize = 12;

const EDGES: [&str; 14] = [
    "",
    "null",
    "[]",
    "{\"items\":[]}",
    "{\"items\":[1],\"items\":[2]}",
    "{\"items\":[1],\"items\":null}",
    "{\"items\":[1],\"items\":{}}",
    "{\"data\":{\"items\":[1]},\"data\":{\"items\":[2,{\"id\":3}]}}",
    "{\"items\":[{\"id\":\"\\ud83e\\udd89\"},[[]],\"]}\"]}",
    "{\"a\":{\"a\":{\"a\":[{\"a\":1}]}}}",
    "[[1,2],[3,4]]",
    "{\"items\":[1e400,-0,18446744073709551616]}",
    "{\"items\":[1]}garbage",
    "{\"it\\u0065ms\":[1,2]}",
];

/// The target for the page splitter.
pub(crate) struct PageSplitter {
    corpus: Corpus,
}

impl PageSplitter {
    pub(crate) fn new() -> Self {
        let edges = EDGES.iter().map(|text| text.as_bytes().to_vec());
        Self {
            corpus: Corpus::new(edges.chain(files("connectors/fixtures", "json")), &KEYS),
        }
    }
}

impl Target for PageSplitter {
    fn name(&self) -> &'static str {
        "page_splitter"
    }

    fn share(&self) -> u64 {
        20
    }

    fn input(&self, draw: &mut Draw) -> Input {
        let array = draw.word(&ARRAYS);
        let mut values = Vec::new();
        for _ in 0..draw.below(4) {
            values.push(draw.word(&VALUES));
        }
        let page = match draw.below(4) {
            0 | 1 => {
                let under: Vec<&str> = array.split('.').filter(|key| KEYS.contains(key)).collect();
                json::page(draw, &under, &KEYS, ELEMENTS_MAX).into_bytes()
            }
            2 => {
                let mut any = String::new();
                json::value(draw, &KEYS, &mut any);
                any.into_bytes()
            }
            _ => self.corpus.mutant(draw),
        };
        Input::new([
            ("array", array.into()),
            ("values", values.join(" ").into()),
            ("page", page),
        ])
    }

    fn check(&self, input: &Input, meter: &mut Meter) -> Result<(), String> {
        let array: JsonPath = input.text("array").parse()?;
        let values = input.text("values");
        let values = values.split_whitespace().map(str::parse);
        let values: Vec<JsonPath> = values.collect::<Result<_, _>>()?;
        let page = input.text("page");
        let mut paths = Paths::default();
        paths.elements(&array);
        let slots: Vec<usize> = values.iter().map(|path| paths.add(path)).collect();
        let read = meter.watch(|| paths.read(&page));
        match (reference::read(&page), &read) {
            (Verdict::NotJson, Ok(_)) => return Err("read what is not JSON".to_owned()),
            (Verdict::Json(_), Err(error)) => return Err(format!("refused JSON: {error}")),
            (_, Err(_)) => return Ok(()),
            (Verdict::Unclear, Ok(found)) => return in_order(&page, found),
            (Verdict::Json(tree), Ok(found)) => {
                in_order(&page, found)?;
                same_elements(&tree, &array, found)?;
                same_values(&tree, &values, &slots, found)?;
            }
        }
        let mut picked = Found::default();
        meter.watch(|| paths.pick(&page, &mut picked));
        let read = read.map_err(|error| error.to_string())?;
        let early = slots
            .iter()
            .all(|slot| read.get(*slot) == picked.get(*slot));
        expect(early, || {
            "a pass that ends early finds something else".to_owned()
        })
    }
}

/// Fails unless elements are slices of `page`, each after the one before.
fn in_order(page: &str, found: &Found<'_>) -> Result<(), String> {
    let start = page.as_ptr().addr();
    let mut reached = start;
    let elements = found.elements().map(elements::Elements::first);
    for element in elements.unwrap_or_default() {
        let text = element.get();
        let at = text.as_ptr().addr();
        let end = at + text.len();
        let fits = at >= reached && end <= start + page.len() && !text.is_empty();
        expect(fits, || {
            "an element is no slice after the one before".to_owned()
        })?;
        reached = end;
    }
    Ok(())
}

fn same_elements(tree: &Node, array: &JsonPath, found: &Found<'_>) -> Result<(), String> {
    let expected = tree.elements(array);
    let elements = match (&expected, found.elements()) {
        (Elements::These(these), Ok(elements)) if these.len() == elements.len() => elements,
        (Elements::Missing, Err(NoArray::Missing)) | (Elements::Other, Err(NoArray::Other)) => {
            return Ok(());
        }
        (_, got) => {
            let got = got.map(elements::Elements::len);
            return Err(format!("elements: {got:?}, where there are {expected:?}"));
        }
    };
    let Elements::These(these) = expected else {
        return Ok(());
    };
    for (element, expected) in elements.first().iter().zip(these) {
        let same =
            matches!(reference::read(element.get()), Verdict::Json(node) if node == *expected);
        expect(same, || format!("an element is not {expected:?}"))?;
    }
    Ok(())
}

fn same_values(
    tree: &Node,
    values: &[JsonPath],
    slots: &[usize],
    found: &Found<'_>,
) -> Result<(), String> {
    for (path, slot) in values.iter().zip(slots) {
        let got = found.get(*slot);
        let (same, unreadable) = match (tree.first(path.steps()), &got) {
            (Some(Node::Text(expected)), Some(got)) => (expected == got, false),
            (Some(Node::Plain(_)), Some(got)) => {
                let again = reference::read(got);
                (
                    matches!(&again, Verdict::Json(node) if Some(node) == tree.first(path.steps())),
                    false,
                )
            }
            (None | Some(Node::Null), None) => (true, false),
            (Some(Node::List(_) | Node::Map(_)), None) => (true, true),
            _ => (false, false),
        };
        let same = same && found.is_unreadable(*slot) == unreadable;
        expect(same, || format!("the value at `{path}` is {got:?}"))?;
    }
    Ok(())
}
