use super::*;

#[test]
fn durations_are_whole_milliseconds() {
    assert_eq!("10m".parse(), Ok(Millis(600_000)));
    assert_eq!("180d".parse(), Ok(Millis(180 * 86_400_000)));
    assert_eq!("1ms".parse(), Ok(Millis(1)));
    for bad in ["10", "-5m", "100ns", "soon", ""] {
        assert!(bad.parse::<Millis>().is_err(), "{bad}");
    }
}

#[test]
fn path_has_keys_indexes_and_quoted_keys() {
    let key = |name: &str| Step::Key(name.to_owned());
    let steps = |text: &str| text.parse::<JsonPath>().map(|path| path.steps().to_vec());
    assert_eq!(steps("."), Ok(vec![]));
    assert_eq!(steps("id.time"), Ok(vec![key("id"), key("time")]));
    assert_eq!(
        steps("error.errors[0].reason"),
        Ok(vec![
            key("error"),
            key("errors"),
            Step::Index(0),
            key("reason")
        ])
    );
    assert_eq!(
        steps("[\"@odata.nextLink\"]"),
        Ok(vec![key("@odata.nextLink")])
    );
    assert_eq!(steps("@timestamp"), Ok(vec![key("@timestamp")]));
    for text in [".", "id.time", "errors[0].reason", "[\"a.b\"].c", "a[\"\"]"] {
        let path: JsonPath = text.parse().unwrap();
        assert_eq!(path.to_string(), text);
    }
    for bad in ["", "a.", ".a", "a..b", "a[x]", "a[", "[\"a"] {
        assert!(steps(bad).is_err(), "{bad}");
    }
    assert_eq!(steps(&vec!["a"; 16].join(".")).map(|it| it.len()), Ok(16));
    assert!(steps(&vec!["a"; 17].join(".")).is_err());
}

#[test]
fn template_is_text_and_names() {
    let fill = |text: &str| {
        text.parse::<Template>()
            .map(|template| template.fill(|name| (name == "to").then_some("T")))
    };
    assert_eq!(
        fill("updated:<={to} {{x}}"),
        Ok(Ok("updated:<=T {x}".to_owned()))
    );
    assert_eq!(fill("{who}"), Ok(Err("who".to_owned())));
    for bad in ["{", "}", "{}", "{a b}", "{to", "{to-1}"] {
        assert!(fill(bad).is_err(), "{bad}");
    }
}

#[test]
fn inserted_value_is_not_expanded() {
    let template: Template = "{a}".parse().unwrap();
    assert_eq!(template.fill(|_| Some("{b}")), Ok("{b}".to_owned()));
}
