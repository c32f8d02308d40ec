//! Changes of roles.

use crate::{ClusterName, Refused, Role, RoleName, RoleSpec, Timestamp, World};

/// The most tags of a role (AWS's limit).
const MOST_TAGS: usize = 50;

impl World {
    pub(super) fn put_role(&mut self, cluster: ClusterName, name: RoleName, spec: RoleSpec, now: Timestamp) -> Result<(), Refused> {
        if spec.tags.len() > MOST_TAGS {
            return Err(Refused::Invalid(format!("the role `{name}` would have {} tags; the most is {MOST_TAGS}", spec.tags.len())));
        }
        match self.roles.get_mut(&name) {
            Some(found) if found.owner != cluster => Err(Refused::Exists { what: "role", name: name.to_string(), owner: Some(found.owner.clone()) }),
            Some(found) => {
                found.spec = spec;
                Ok(())
            }
            None => {
                self.roles.insert(name, Role { owner: cluster, created_at: now, spec });
                Ok(())
            }
        }
    }

    pub(super) fn delete_role(&mut self, name: &RoleName) -> Result<(), Refused> {
        self.roles.remove(name).map(|_| ()).ok_or_else(|| Refused::NotFound { what: "role", name: name.to_string() })
    }
}
