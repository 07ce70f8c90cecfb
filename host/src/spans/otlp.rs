//! Spans as OTLP has them in JSON (OpenTelemetry protocol 1.x, OTLP/HTTP).

use serde_json::{Value as Json, json};

use super::{Kind, Span, SpanValue};

/// What a collector is sent: these spans, of this relay.
pub(super) fn request(spans: &[Span], relay: &str) -> Json {
    let resource = [
        attribute("service.name", &SpanValue::Text("mm4relay".to_owned())),
        attribute(
            "service.version",
            &SpanValue::Text(env!("CARGO_PKG_VERSION").to_owned()),
        ),
        attribute("service.instance.id", &SpanValue::Text(relay.to_owned())),
    ];
    json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{
            "scope": {"name": "mm4relay"},
            "spans": spans.iter().map(span).collect::<Vec<_>>(),
        }],
    }]})
}

fn span(of: &Span) -> Json {
    let attributes = of.attributes.iter().map(|(name, value)| attribute(name, value));
    let links = of
        .links
        .iter()
        .map(|(trace, id)| json!({"traceId": trace.to_string(), "spanId": id.to_string()}));
    let status = match &of.error {
        // 0 is unset, 2 an error.
        None => json!({}),
        Some(error) => json!({"code": 2, "message": error}),
    };
    json!({
        "traceId": of.trace.to_string(),
        "spanId": of.id.to_string(),
        "parentSpanId": of.parent.map(|parent| parent.to_string()).unwrap_or_default(),
        "name": of.name,
        "kind": match of.kind { Kind::Internal => 1, Kind::Server => 2, Kind::Client => 3 },
        // 64 bits are text in the JSON of Protocol Buffers.
        "startTimeUnixNano": of.start.to_string(),
        "endTimeUnixNano": of.end.to_string(),
        "attributes": attributes.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "status": status,
    })
}

fn attribute(name: &str, value: &SpanValue) -> Json {
    let value = match value {
        SpanValue::Text(text) => json!({"stringValue": text}),
        SpanValue::Number(number) => json!({"intValue": number.to_string()}),
    };
    json!({"key": name, "value": value})
}
