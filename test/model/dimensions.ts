/** How large the organisation of the model is. */
export const USERS = 2
export const GROUPS = 3
export const RESOURCES = 3
