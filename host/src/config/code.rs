//! The codes of problems. A code keeps its meaning from version to version, even if the text changes.

use std::fmt;

/// A kind of problem that `check`, a start and a reload find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    ConfigUnreadable,
    NotToml,
    KeyUnknown,
    KeyMisplaced,
    KeyMissing,
    ValueWrong,
    TableUnreadable,
    TableRow,
    RoutingUnusable,
    CertificateUnusable,
    CertificateEnding,
    CertificateIdle,
    FolderUnusable,
    FolderUnsure,
    SpoolUnusable,
    AddressUnusable,
    AddressUnsure,
    PluginFile,
    PluginGrants,
    PluginSettings,
    PluginLimits,
    PluginSignature,
    PluginSamples,
    PluginsUnusable,
}

impl Code {
    pub const ALL: [Self; 24] = [
        Self::ConfigUnreadable,
        Self::NotToml,
        Self::KeyUnknown,
        Self::KeyMisplaced,
        Self::KeyMissing,
        Self::ValueWrong,
        Self::TableUnreadable,
        Self::TableRow,
        Self::RoutingUnusable,
        Self::CertificateUnusable,
        Self::CertificateEnding,
        Self::CertificateIdle,
        Self::FolderUnusable,
        Self::FolderUnsure,
        Self::SpoolUnusable,
        Self::AddressUnusable,
        Self::AddressUnsure,
        Self::PluginFile,
        Self::PluginGrants,
        Self::PluginSettings,
        Self::PluginLimits,
        Self::PluginSignature,
        Self::PluginSamples,
        Self::PluginsUnusable,
    ];

    /// The code as it is printed, in brackets at the end of the line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigUnreadable => "config-unreadable",
            Self::NotToml => "not-toml",
            Self::KeyUnknown => "key-unknown",
            Self::KeyMisplaced => "key-misplaced",
            Self::KeyMissing => "key-missing",
            Self::ValueWrong => "value-wrong",
            Self::TableUnreadable => "table-unreadable",
            Self::TableRow => "table-row",
            Self::RoutingUnusable => "routing-unusable",
            Self::CertificateUnusable => "certificate-unusable",
            Self::CertificateEnding => "certificate-ending",
            Self::CertificateIdle => "certificate-idle",
            Self::FolderUnusable => "folder-unusable",
            Self::FolderUnsure => "folder-unsure",
            Self::SpoolUnusable => "spool-unusable",
            Self::AddressUnusable => "address-unusable",
            Self::AddressUnsure => "address-unsure",
            Self::PluginFile => "plugin-file",
            Self::PluginGrants => "plugin-grants",
            Self::PluginSettings => "plugin-settings",
            Self::PluginLimits => "plugin-limits",
            Self::PluginSignature => "plugin-signature",
            Self::PluginSamples => "plugin-samples",
            Self::PluginsUnusable => "plugins-unusable",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_explains_each_code_and_no_other() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, section) = page
            .split_once("\n## Problems and their codes\n")
            .expect("a section on problems");
        let section = section.split("\n## ").next().unwrap_or_default();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut explained: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
        let mut codes = Code::ALL.map(Code::as_str).to_vec();
        explained.sort_unstable();
        codes.sort_unstable();
        assert_eq!(explained, codes);
        codes.dedup();
        assert_eq!(codes.len(), Code::ALL.len(), "each is another one");
    }
}
