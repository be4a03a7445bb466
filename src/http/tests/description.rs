//! `openapi.json` describes the routes, all of them and no others.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use super::fixture::service;
use crate::http::api::DESCRIPTION;
use crate::http::route::Route;

/// Every variant: the compiler asks for the one that follows a new one.
fn all() -> Vec<Route> {
    let file = "0123456789abcdef0123".parse().unwrap();
    let after = |route: &Route| {
        Some(match route {
            Route::Page(_) => Route::Health,
            Route::Health => Route::Ready,
            Route::Ready => Route::Metrics,
            Route::Metrics => Route::Files,
            Route::Files => Route::File(file),
            Route::File(_) => Route::Position(file),
            Route::Position(_) => Route::View(file),
            Route::View(_) => Route::Scan,
            Route::Scan => Route::ScanStatus,
            Route::ScanStatus => Route::StreamStart(file),
            Route::StreamStart(_) => Route::StreamStop(file),
            Route::StreamStop(_) => Route::Streams,
            Route::Streams => Route::Events,
            Route::Events => Route::Hardware,
            Route::Hardware => Route::OpenApi,
            Route::OpenApi => Route::HlsIndex(file),
            Route::HlsIndex(_) => Route::DashManifest(file),
            Route::DashManifest(_) => Route::MediaPlaylist(file, "v-1".into()),
            Route::MediaPlaylist(..) => Route::Init(file, "v-1".into()),
            Route::Init(..) => Route::Segment(file, "v-1".into(), 0),
            Route::Segment(..) => Route::Part(file, "v-1".into(), 0, 0),
            Route::Part(..) => Route::TextSegment(file, "t-1".into(), 0),
            Route::TextSegment(..) => Route::TextPart(file, "t-1".into(), 0, 0),
            Route::TextPart(..) => Route::Text(file, "t-1".into()),
            Route::Text(..) => Route::Sheet(file, "i134-1".into(), 0),
            Route::Sheet(..) => Route::LiveIndex(file),
            Route::LiveIndex(_) => Route::LivePlaylist(file, "v-1".into()),
            Route::LivePlaylist(..) => Route::LiveManifest(file),
            Route::LiveManifest(_) => Route::LiveTime,
            Route::LiveTime => Route::TransportIndex(file),
            Route::TransportIndex(_) => Route::TransportPlaylist(file, "v-1_a-1".into()),
            Route::TransportPlaylist(..) => Route::TransportSegment(file, "v-1_a-1".into(), 0),
            Route::TransportSegment(..) => Route::TransportText(file, "t-1".into(), 0),
            Route::TransportText(..) => Route::Direct(file),
            Route::Direct(_) => return None,
        })
    };
    let first = Route::Page("index.html".into());
    std::iter::successors(Some(first), after).collect()
}

#[test]
fn the_description_has_every_route_with_its_methods_and_no_other() {
    let routes: BTreeSet<(String, String)> = all()
        .iter()
        .flat_map(|route| {
            // HEAD goes without saying.
            let methods = route.methods().iter().filter(|method| **method != Method::HEAD);
            methods.map(|method| (route.template().to_owned(), method.as_str().to_lowercase()))
        })
        .collect();
    let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
    let described = description["paths"].as_object().unwrap().iter().flat_map(|(path, operations)| {
        operations.as_object().unwrap().keys().map(move |method| (path.clone(), method.clone()))
    });
    assert_eq!(described.collect::<BTreeSet<_>>(), routes);
}

#[test]
fn a_body_is_described_where_one_is_read() {
    let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
    for route in all() {
        let operations = description["paths"][route.template()].as_object().unwrap();
        for (method, operation) in operations {
            let read = route.body_limit() > 0;
            assert!(read || operation.get("requestBody").is_none(), "{method} {}", route.template());
            assert_eq!(read, method != "get", "{method} {}", route.template());
            let parameters = operation["parameters"].as_array().map_or(0, |parameters| {
                let in_path = |parameter: &&Value| {
                    let named = parameter["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
                    named.map_or(*parameter, |name| description.pointer(name).unwrap())["in"] == "path"
                };
                parameters.iter().filter(in_path).count()
            });
            assert_eq!(parameters, route.template().matches('{').count(), "{}", route.template());
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| match value.as_str() {
                Some(reference) if name == "$ref" => found.push(reference),
                _ => references(value, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
    let mut found = Vec::new();
    references(&description, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
}

/// Fields of what is answered, against those that are described.
#[tokio::test]
async fn answers_have_the_fields_that_are_described() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
    let fields = |value: &Value| -> BTreeSet<String> { value.as_object().unwrap().keys().cloned().collect() };
    let described = |name: &str| {
        let schema = &description["components"]["schemas"][name];
        let required: Vec<String> = serde_json::from_value(schema["required"].clone()).unwrap();
        required.into_iter().collect::<BTreeSet<String>>()
    };
    let list = service.get("/api/files").await.json();
    assert_eq!(fields(&list["files"][0]), described("File"));
    let file = service.get(&format!("/api/files/{id}")).await.json();
    assert_eq!(fields(&file["renditions"][0]), described("Rendition"));
    let started = service.ask("POST", &format!("/api/stream/{id}/start"), &[], "").await.json();
    assert_eq!(fields(&started), described("Started"));
    assert_eq!(fields(&service.get("/api/scan/status").await.json()), described("ScanStatus"));
    assert_eq!(fields(&service.get("/api/streams").await.json()["streams"][0]), described("Head"));
    assert_eq!(fields(&service.get("/api/nothing").await.json()), described("Problem"));
    assert_eq!(service.get("/api/openapi.json").await.json(), description);
}
