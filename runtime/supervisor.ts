export interface SupervisedService { name: string }
