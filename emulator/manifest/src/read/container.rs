//! A container definition (ecs.md 1.2).

use std::collections::BTreeMap;

use model::{Build, ContainerDefinition, Family};

use super::container_parts::{dependencies, health_check, host_entries, port_mappings, restart_policy, ulimits};
use super::{Reader, firelens, links, linux_parameters, log_configuration, namespaces, outside_values, port_ranges, volume};
use crate::node::Node;
use crate::problem::Report;

/// `fargate`: whether its task definition names FARGATE.
pub(super) fn read(node: &Node, family: Option<&Family>, fargate: bool, reader: &mut Reader<'_>) -> Option<ContainerDefinition> {
    let name = super::name_under(node, "name", reader.report);
    let build = node.get("build").map(|node| build(node, reader));
    let environment_files = outside_values::environment_files(node, reader);
    let report = &mut *reader.report;
    let secrets = outside_values::secrets(node, report);
    let image = image(node, family, report);
    let environment = environment(node, report);
    let depends_on = dependencies(node, report);
    let health_check = node.get("healthCheck").map(|node| health_check(node, report));
    let port_mappings = port_mappings(node, report);
    let extra_hosts = host_entries(node, report);
    let ulimits = ulimits(node, report);
    let linux_parameters = linux_parameters::read(node, report);
    let links = links::read(node, report);
    let port_ranges = port_ranges::read(node, report);
    let log_configuration = log_configuration::read(node, fargate, report);
    let firelens = firelens::read(node, fargate, report);
    let mount_points = volume::mount_points(node, report);
    let volumes_from = volume::volumes_from(node, report);
    let restart_policy = restart_policy(node, report);
    let docker_security_options = namespaces::security_options(node, report);
    texts(node, report);
    memory(node, report);
    Some(ContainerDefinition {
        name: name?,
        image: image?,
        image_id: None,
        build: build.map_or(Some(None), |build| build.map(Some))?,
        cpu: node.integer_of("cpu").unwrap_or(0),
        memory: node.integer_of("memory"),
        memory_reservation: node.integer_of("memoryReservation"),
        essential: node.boolean_of("essential").unwrap_or(true),
        port_mappings: port_mappings?,
        environment: environment?,
        entry_point: node.get("entryPoint").filter(|node| !node.asks_for_nothing()).map(|_| node.texts_of("entryPoint")),
        command: node.get("command").filter(|node| !node.asks_for_nothing()).map(|_| node.texts_of("command")),
        user: text(node, "user"),
        working_directory: text(node, "workingDirectory"),
        hostname: text(node, "hostname"),
        stop_timeout: node.integer_of("stopTimeout"),
        start_timeout: node.integer_of("startTimeout"),
        depends_on: depends_on?,
        health_check: health_check.map_or(Some(None), |check| check.map(Some))?,
        docker_labels: texts_by_name(node.get("dockerLabels")),
        readonly_root_filesystem: node.boolean_of("readonlyRootFilesystem").unwrap_or(false),
        privileged: node.boolean_of("privileged").unwrap_or(false),
        init_process_enabled: node.get("linuxParameters").and_then(|node| node.boolean_of("initProcessEnabled")).unwrap_or(false),
        ulimits: ulimits?,
        extra_hosts: extra_hosts?,
        dns_servers: node.texts_of("dnsServers"),
        dns_search_domains: node.texts_of("dnsSearchDomains"),
        links: links?,
        port_ranges: port_ranges?,
        linux_parameters: linux_parameters?,
        system_controls: namespaces::system_controls(node)?,
        docker_security_options,
        interactive: node.boolean_of("interactive").unwrap_or(false),
        pseudo_terminal: node.boolean_of("pseudoTerminal").unwrap_or(false),
        disable_networking: node.boolean_of("disableNetworking").unwrap_or(false),
        restart_policy,
        log_configuration,
        firelens,
        mount_points: mount_points?,
        volumes_from: volumes_from?,
        environment_files: environment_files?,
        secrets: secrets?,
    })
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.text_of(key).filter(|text| !text.is_empty()).map(str::to_owned)
}

pub(super) fn texts_by_name(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.map(Node::entries).unwrap_or_default();
    entries.iter().map(|entry| (entry.key.clone(), entry.node.text().unwrap_or_default().to_owned())).collect()
}

/// Texts that must look like something.
fn texts(node: &Node, report: &mut Report) {
    if let Some(found) = node.get("workingDirectory")
        && let Some(text) = found.text().filter(|text| !text.is_empty() && !text.starts_with('/'))
    {
        report.problem(found.span, format!("`workingDirectory` must be an absolute path, found `{text}`"));
    }
    for server in node.list("dnsServers") {
        if let Some(text) = server.text().filter(|text| text.parse::<std::net::IpAddr>().is_err()) {
            report.problem(server.span, format!("`dnsServers` lists addresses, found `{text}`"));
        }
    }
}

fn memory(node: &Node, report: &mut Report) {
    if let (Some(limit), Some(soft)) = (node.integer_of::<u32>("memory"), node.integer_of::<u32>("memoryReservation"))
        && soft >= limit
    {
        report.problem(super::place(node, "memoryReservation"), format!("`memoryReservation` must be below `memory`, {limit}"));
    }
}

/// The image as written, or the name that a build gives.
fn image(node: &Node, family: Option<&Family>, report: &mut Report) -> Option<String> {
    let Some(found) = node.get("image") else {
        if node.get("build").is_none() && !report.partial {
            report
                .problem(super::place(node, "name"), "a container definition needs `image`, or `build` to make one")
                .hint("for example `image: nginx:1.29` or `build: services/users`");
        }
        return family.filter(|_| node.get("build").is_some()).map(|family| built_image(family.as_str(), node.text_of("name").unwrap_or_default()));
    };
    let image = found.text()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_:./#@".contains(c);
    if image.is_empty() || !image.chars().all(allowed) {
        report.problem(found.span, "Container.image contains invalid characters.").hint("for example `nginx:1.29` or `users:v1`");
        return None;
    }
    if repository_path(image).chars().any(|c| c.is_ascii_uppercase()) {
        report
            .problem(found.span, "Container.image contains invalid characters.")
            .hint("the name of a repository has small letters: `team/users:v1`; a tag may have capitals");
        return None;
    }
    if image.split('@').next().is_some_and(|tag_form| tag_form.len() > 255) {
        report.problem(found.span, "an image's name has at most 255 characters");
        return None;
    }
    Some(image.to_owned())
}

/// The path of a reference: without registry, tag and digest. What is no registry's name (`team`) is a part of the path.
fn repository_path(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let path = match name.split_once('/') {
        Some((registry, path)) if registry.contains(['.', ':']) || registry == "localhost" => path,
        _ => name,
    };
    path.split_once(':').map_or(path, |(path, _)| path)
}

/// `ecslocal/<family>-<container>:latest`, in the letters that an image's name may have.
fn built_image(family: &str, container: &str) -> String {
    let lower = format!("{family}-{container}").to_ascii_lowercase();
    let words: Vec<&str> = lower.split(['-', '_']).filter(|word| !word.is_empty()).collect();
    let name = if words.is_empty() { "image".to_owned() } else { words.join("-") };
    format!("ecslocal/{name}:latest")
}

fn environment(node: &Node, report: &mut Report) -> Option<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    let mut complete = true;
    for item in node.list("environment") {
        let (Some(name), Some(value)) = (item.get("name"), item.text_of("value")) else {
            complete = false;
            continue;
        };
        let text = name.text().unwrap_or_default();
        if text.is_empty() || text.contains(['=', '\0']) {
            report.problem(name.span, format!("`{text}` is not a variable's name")).hint("a name has at least one character and no `=`");
        }
        variables.insert(text.to_owned(), value.to_owned());
    }
    complete.then_some(variables)
}

fn build(node: &Node, reader: &mut Reader<'_>) -> Option<Build> {
    let context = if node.is_map() { node.get("context")? } else { node };
    let text = context.text()?;
    if text.contains("://") || text.starts_with("git@") || text.is_empty() {
        reader.report.problem(context.span, "a build's context is a folder").hint("a path relative to this file, for example `services/users`");
        return None;
    }
    let absolute = crate::files::normalise(&reader.files.folder(context.span.file).join(text));
    let Some(absolute) = absolute.to_str() else {
        reader.report.problem(context.span, "the folder's absolute path is not UTF-8");
        return None;
    };
    Some(Build {
        context: absolute.to_owned(),
        dockerfile: node.text_of("dockerfile").unwrap_or("Dockerfile").to_owned(),
        args: texts_by_name(node.get("args")),
        target: text_of_map(node, "target"),
    })
}

fn text_of_map(node: &Node, key: &str) -> Option<String> {
    node.is_map().then(|| text(node, key)).flatten()
}

#[cfg(test)]
mod tests {
    use super::built_image;

    #[test]
    fn a_built_image_has_a_name_that_engines_accept() {
        for (family, container, expected) in [
            ("users", "users", "ecslocal/users-users:latest"),
            ("My_App", "-web__1-", "ecslocal/my-app-web-1:latest"),
            ("_", "-", "ecslocal/image:latest"),
        ] {
            assert_eq!(built_image(family, container), expected);
        }
    }
}
