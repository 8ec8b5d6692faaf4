internal import Model

/// A way to gain authority that nobody granted: what it takes, and what must exist for it.
///
/// A method applies only if every permission is held on the resource that it really touches; a
/// wildcard elsewhere does not count.
/// Source: the public catalogue of AWS IAM privilege escalation paths at pathfinding.cloud, whose
/// ids these are; each action's resource from the Service Authorization Reference.
struct EscalationMethod: Sendable, Hashable {
  enum Category: String, Sendable, CaseIterable {
    /// Run something new as a role.
    case newPassRole = "new-passrole"
    /// Change or drive what already runs as a role.
    case existingPassRole = "existing-passrole"
    /// Become another principal.
    case principalAccess = "principal-access"
    /// Give oneself more.
    case selfEscalation = "self-escalation"
  }

  /// What a permission must cover.
  enum Resource: Sendable, Hashable {
    /// The role, user, group, managed policy or automation that the method is about.
    case role, user, group, policy, thing
    /// Something that the caller makes and names: any resource of this kind, `lambda:function:*`.
    case new(String)
    /// Something of everybody's, by its whole ARN.
    case fixed(String)
    /// The action knows no resource.
    case none
  }

  struct Permission: Sendable, Hashable {
    var action: String
    var resource: Resource
    /// Names the same action on another resource, and is no part of the method's name.
    var isRepeated = false

    init(_ action: String, _ resource: Resource, isRepeated: Bool = false) {
      self.action = action
      self.resource = resource
      self.isRepeated = isRepeated
    }
  }

  /// What it is tried on.
  enum Target: Sendable, Hashable {
    /// Every role of the account that trusts the service; where a type is given, with an existing
    /// automation of it at hand.
    case passing(to: String, with: String? = nil)
    /// Every automation of a type that runs as a role.
    case automation(String, requires: Requirement? = nil)
    /// Another user: its next access key, or its password.
    case user(UserEntry)
    /// Any other role, whose trust policy is rewritten.
    case retrustedRole
    /// The caller itself.
    case ownRole, ownUser, ownPolicy, ownGroup
    /// A group of administrators.
    case administratorGroup
    /// A role that the caller can assume, or can make itself able to, and that it raises first.
    case raisedRole(RoleEntry), raisedRoleByPolicy(RoleEntry), raisedUser
    /// A role that lets the caller in: that is `canAssume`, derived from trust policies.
    case trust

    /// What must exist, beside roles.
    var type: String? {
      switch self {
      case .passing(_, let type): type
      case .automation(let type, _): type
      default: nil
      }
    }
  }

  enum UserEntry: Sendable { case freeKey, fullKeys, newPassword, otherPassword }
  enum RoleEntry: Sendable { case assume, retrust }

  /// What else must be so, beyond permissions.
  enum Requirement: Sendable, Hashable {
    /// It does nothing until somebody starts it.
    case isStarted
    /// Its role lets the Systems Manager agent register, and open sessions or fetch commands.
    case takesSessions, takesCommands
    /// Only somebody who can reach the machine's port gains by it.
    case isReachable
  }

  let id: String
  let category: Category
  let permissions: [Permission]
  let target: Target

  init(_ id: String, _ category: Category, _ target: Target, _ permissions: Permission...) {
    self.id = id
    self.category = category
    self.permissions = permissions
    self.target = target
  }

  /// Its permissions, as people name it.
  var name: String {
    permissions.filter { !$0.isRepeated }.map(\.action).joined(separator: " + ")
  }

  static let all = passing + running + principals
}
