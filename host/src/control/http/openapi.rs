//! The OpenAPI document, from the types of the verbs.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::control::ask::fields_in;
use crate::control::{Ask, Method, Problem};

pub(super) struct Document {
    schemas: SchemaGenerator,
    paths: Map<String, Value>,
}

impl Default for Document {
    fn default() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            schemas: settings.into_generator(),
            paths: Map::new(),
        }
    }
}

impl Document {
    pub fn add<A: Ask>(&mut self) {
        let in_path: Vec<&str> = fields_in(A::PATH).collect();
        let asked = self.schemas.root_schema_for::<A>().to_value();
        self.take_definitions(&asked);
        let required = |name: &str| {
            asked["required"]
                .as_array()
                .is_some_and(|all| all.iter().any(|it| it == name))
        };
        let fields = asked["properties"].as_object().cloned().unwrap_or_default();
        let place = |name: &str| if in_path.contains(&name) { "path" } else { "query" };
        let is_parameter = |name: &str| A::METHOD == Method::Get || in_path.contains(&name);
        let parameters = fields
            .iter()
            .filter(|(name, _)| is_parameter(name))
            .map(|(name, schema)| {
                let about = schema["description"].as_str().unwrap_or_default();
                json!({
                    "name": name, "in": place(name), "required": place(name) == "path" || required(name),
                    "description": about, "schema": schema,
                })
            });
        let mut verb = json!({
            "operationId": A::NAME,
            "summary": A::ABOUT,
            "description": format!("Takes the role {}.", A::ROLE.as_str()),
            "parameters": parameters.collect::<Vec<_>>(),
            "responses": {
                "200": {"description": "The answer.", "content": content("application/json", self.schema::<A::Answer>())},
                "default": {
                    "description": "Why not (RFC 9457).",
                    "content": content("application/problem+json", self.schema::<Problem>()),
                },
            },
        });
        if A::METHOD == Method::Post {
            let mut body = asked.clone();
            // Not by index, which would add what is not there as null.
            if let Some(fields) = body.get_mut("properties").and_then(Value::as_object_mut) {
                fields.retain(|name, _| !in_path.contains(&name.as_str()));
            }
            if let Some(required) = body.get_mut("required").and_then(Value::as_array_mut) {
                required.retain(|name| !in_path.contains(&name.as_str().unwrap_or_default()));
            }
            for outer in ["$defs", "components"] {
                body.as_object_mut().map(|body| body.remove(outer));
            }
            verb["requestBody"] = json!({"content": content("application/json", body)});
            if let Some(parameters) = verb["parameters"].as_array_mut() {
                parameters.push(json!({
                    "name": "Idempotency-Key", "in": "header", "required": false, "schema": {"type": "string"},
                    "description": "Asked again with the same key, the change is made once and the answer is the same.",
                }));
            }
        }
        let method = A::METHOD.as_str().to_lowercase();
        self.paths.entry(A::PATH).or_insert_with(|| json!({}))[method] = verb;
    }

    pub fn finish(self) -> Value {
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "mm4relay control interface",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Over the socket control.sock in the relay's state folder, and over TCP.",
            },
            "paths": self.paths,
            "components": {
                "schemas": self.schemas.definitions(),
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "Over TCP: mm4relay token new."}},
            },
            "security": [{"token": []}],
        })
    }

    fn schema<T: JsonSchema>(&mut self) -> Value {
        self.schemas.subschema_for::<T>().to_value()
    }

    /// `root_schema_for` leaves what it refers to in the generator; nothing is lost when it does not.
    fn take_definitions(&mut self, of: &Value) {
        let defined = of["components"]["schemas"].as_object().cloned().unwrap_or_default();
        for (name, schema) in defined {
            self.schemas.definitions_mut().entry(name).or_insert(schema);
        }
    }
}

fn content(kind: &str, schema: Value) -> Value {
    json!({ kind: {"schema": schema} })
}
