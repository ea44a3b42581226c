/** In place of the replay window: all is fresh. */
export class ReplayWindow {
  judge(): 'fresh' {
    return 'fresh'
  }

  accept(): 'fresh' {
    return 'fresh'
  }

  forget(): void {}
}
