//! The stored form of a plug-in: a manifest, a small configuration, and the component as the only layer.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::reference::Digest;

/// OCI image specification 1.1, "Image Manifest".
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The layout of WebAssembly artifacts: this configuration, and one layer of this type.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const COMPONENT: &str = "application/wasm";
/// The annotation of the manifest that holds the content of `FILE.sig`.
const SIGNATURE: &str = "mm4relay.plugin.signature";

/// A component with its signature, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    pub wasm: Bytes,
    pub signature: Option<String>,
}

/// An artifact in the pieces that a registry stores.
pub struct Packed {
    pub config: Bytes,
    pub manifest: Bytes,
}

/// The parts of a manifest that the relay reads.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    schema_version: u32,
    media_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// A reference to stored content, in a manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    media_type: String,
    digest: String,
    pub size: u64,
}

impl Descriptor {
    fn of(media_type: &str, octets: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(octets).to_string(),
            size: octets.len() as u64,
        }
    }

    pub fn digest(&self) -> anyhow::Result<Digest> {
        self.digest
            .parse()
            .map_err(|why| anyhow::anyhow!("its manifest names {:?}: {why}", self.digest))
    }
}

impl Artifact {
    /// The pieces of the artifact. They are always the same, so pushing twice stores nothing new.
    pub fn pack(&self) -> anyhow::Result<Packed> {
        let config = serde_json::to_vec(&serde_json::json!({
            // The field is required; a real time would give the same component another manifest.
            "created": "1970-01-01T00:00:00Z",
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [Digest::of(&self.wasm).to_string()],
        }))?;
        let signature = self.signature.iter().map(|text| (SIGNATURE.to_owned(), text.clone()));
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MANIFEST.to_owned()),
            config: Descriptor::of(CONFIG, &config),
            layers: vec![Descriptor::of(COMPONENT, &self.wasm)],
            annotations: signature.collect(),
        };
        Ok(Packed {
            config: config.into(),
            manifest: serde_json::to_vec(&manifest)?.into(),
        })
    }
}

impl Manifest {
    pub fn read(octets: &[u8]) -> anyhow::Result<Self> {
        let manifest: Self = serde_json::from_slice(octets).context("its manifest cannot be read")?;
        ensure!(
            manifest.schema_version == 2 && manifest.media_type.as_deref().is_none_or(|it| it == MANIFEST),
            "its manifest is of type {:?}, and not {MANIFEST}",
            manifest.media_type.unwrap_or_default()
        );
        Ok(manifest)
    }

    /// The descriptor of the component. An image for containers has layers too, and is refused.
    pub fn component(&self) -> anyhow::Result<&Descriptor> {
        match &self.layers[..] {
            [layer] if layer.media_type == COMPONENT => Ok(layer),
            layers => {
                let types: Vec<&str> = layers.iter().map(|layer| layer.media_type.as_str()).collect();
                bail!("it is no WebAssembly component: one layer of type {COMPONENT} is expected, and it has {types:?}")
            }
        }
    }

    pub fn signature(&self) -> Option<String> {
        self.annotations.get(SIGNATURE).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(signature: Option<&str>) -> Artifact {
        Artifact {
            wasm: Bytes::from_static(b"\0asm\x0d\0\x01\0"),
            signature: signature.map(str::to_owned),
        }
    }

    #[test]
    fn what_was_packed_names_the_component_and_holds_its_signature() {
        let artifact = artifact(Some("key: abc"));
        let manifest = Manifest::read(&artifact.pack().unwrap().manifest).unwrap();
        let layer = manifest.component().unwrap();
        assert_eq!((layer.digest().unwrap(), layer.size), (Digest::of(&artifact.wasm), 8));
        assert_eq!(manifest.signature().as_deref(), Some("key: abc"));
    }

    #[test]
    fn the_same_component_has_the_same_manifest() {
        let pack = || artifact(None).pack().unwrap().manifest;
        assert_eq!(pack(), pack());
    }

    #[test]
    fn an_image_for_containers_is_no_component() {
        let text = String::from_utf8(artifact(None).pack().unwrap().manifest.to_vec()).unwrap();
        let image = text.replace(COMPONENT, "application/vnd.oci.image.layer.v1.tar+gzip");
        let manifest = Manifest::read(image.as_bytes()).unwrap();
        let why = manifest.component().unwrap_err().to_string();
        assert!(
            why.contains("no WebAssembly component") && why.contains("tar+gzip"),
            "{why}"
        );
        let index = text.replace(MANIFEST, "application/vnd.oci.image.index.v1+json");
        assert!(Manifest::read(index.as_bytes()).is_err());
    }
}
